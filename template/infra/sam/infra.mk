# Infrastructure tasks with SAM, which is downloaded.
.PHONY: infra-check infra-audit infra-template infra-settings infra-image infra-apply infra-destroy

SAM := SAM_CLI_TELEMETRY=0 $(TOOL)/sam.py sam
SAM_PYTHON := $(TOOL)/sam.py python
CFN_LINT := $(TOOL)/cfn_lint.py cfn-lint
CHECKOV := $(TOOL)/checkov.py checkov
STACK = $(PROJECT)-$$ARG_STAGE
STACKS := $(RUN) python -m kit stack
# Each stage has a folder of its own in SAM's bucket, so that a policy can limit it to that.
SAM_DEPLOY = $(SAM) deploy --config-file "$$PWD/infra/sam/samconfig.toml" --region "$$AWS_REGION" \
	--s3-prefix "$(STACK)" --tags "project=$(PROJECT) stage=$$ARG_STAGE"
# A stage's own settings, if it has any.
SETTINGS = $(if $(wildcard infra/sam/stages/$(STAGE).toml),"file://infra/sam/stages/$$ARG_STAGE.toml")

infra-check: infra-template ## check the infrastructure, without AWS
	@$(SAM) validate --lint --region "$$AWS_REGION" --template infra/sam/build/template.yaml
	@$(CFN_LINT) infra/sam/build/template.yaml infra/sam/image.yaml
	@$(RUN) python -m kit bucket-names --stage "$$ARG_STAGE"

infra-audit: infra-template ## look for security risks with checkov, without AWS
	@set -f; $(CHECKOV) --config-file infra/sam/.checkov.yaml $$ARG_ARGS

infra-template:
	@$(SAM_PYTHON) kit/sam/assemble.py

infra-settings:
	@$(UV) run --quiet python infra/sam/settings.py "$$ARG_STAGE"

infra-image:
	@$(STACKS) prepare "$(STACK)-image"
	@$(SAM_DEPLOY) --stack-name "$(STACK)-image" --template-file infra/sam/image.yaml \
		--parameter-overrides "Project=$(PROJECT)" "Stage=$$ARG_STAGE" \
		|| { $(STACKS) failures "$(STACK)-image"; exit 1; }

infra-apply: infra-template infra-image
	@$(STACKS) prepare "$(STACK)"
	@$(SAM_DEPLOY) --stack-name "$(STACK)" --template-file infra/sam/build/template.yaml \
		--image-repository "$${ARG_IMAGE%%@*}" \
		--parameter-overrides $(SETTINGS) "Project=$(PROJECT)" "Stage=$$ARG_STAGE" "Image=$$ARG_IMAGE" \
		"VpcId=$$ARG_VPC_ID" "SubnetIds=$$ARG_SUBNET_IDS" $(if $(JOBS_CONCURRENCY),"JobsConcurrency=$$ARG_JOBS_CONCURRENCY") \
		"WebAcl=$(if $(WEB_ACL),$$ARG_WEB_ACL,none)" $(if $(BOUNDARY),"PermissionsBoundary=$$ARG_BOUNDARY") \
		|| { $(STACKS) failures "$(STACK)"; exit 1; }

infra-destroy:
	@for stack in "$(STACK)" "$(STACK)-image"; do \
		$(SAM) delete --no-prompts --region "$$AWS_REGION" --stack-name "$$stack" || { $(STACKS) failures "$$stack"; exit 1; }; \
	done

# How functions deployed by this tool are tagged: see kit/src/kit/ops/deployed_by.py.
.PHONY: infra-mark
infra-mark:
	@echo "stack SAM"

# The setting for the alarms' email address, and the file it belongs in.
.PHONY: infra-alarm-email
infra-alarm-email:
	@printf 'AlarmEmail = "me@example.com" in infra/sam/stages/%s.toml\n' "$$ARG_STAGE"
