# Infrastructure tasks with CDK. Needs Node.js; the rest is downloaded.
.PHONY: infra-check infra-audit infra-tool infra-settings infra-image infra-apply infra-destroy

CDK := npx --yes aws-cdk@2.1148.1
CFN_LINT := $(TOOL)/cfn_lint.py cfn-lint
STACK = $(PROJECT)-$$ARG_STAGE
STACKS := $(RUN) python -m kit stack
# Placeholders where no image is deployed, and no task.
NO_IMAGE := $(PROJECT)@sha256:0000000000000000000000000000000000000000000000000000000000000000
NO_NETWORK := -c vpc_id=vpc-00000000 -c subnet_ids=subnet-00000000
CONTEXT = -c "region=$$AWS_REGION" -c "stage=$$ARG_STAGE"

infra-check: infra-tool ## check the infrastructure, without AWS
	@cd infra/cdk && $(CDK) synth --quiet --output cdk.out -c image=$(NO_IMAGE) $(NO_NETWORK) $(CONTEXT)
	@$(CFN_LINT) --ignore-checks W3005 -- infra/cdk/cdk.out/*.template.json # CDK adds dependencies that are implied
	@$(RUN) python -m kit bucket-names --stage "$$ARG_STAGE"

# cdk-nag is added to the environment for this alone, so that a deployment doesn't install or import it.
infra-audit: infra-tool ## look for security risks with cdk-nag, without AWS
	@cd infra/cdk && $(CDK) synth --quiet --output cdk.out -c image=$(NO_IMAGE) $(NO_NETWORK) $(CONTEXT) -c audit=true \
		--app "python3 ../../uvw run --quiet --locked --project . --group audit python app.py"

infra-tool:
	@command -v npx >/dev/null || { echo "CDK needs Node.js 22 or later, which is not installed. Install it: https://nodejs.org"; exit 1; }

infra-settings: infra-tool
	@$(UV) run --quiet python infra/cdk/settings.py "$$ARG_STAGE"

infra-image: infra-tool
	@$(STACKS) prepare "$(STACK)-image"
	@cd infra/cdk && $(CDK) deploy "$(STACK)-image" --require-approval never -c image=$(NO_IMAGE) $(NO_NETWORK) $(CONTEXT)

infra-apply: infra-tool
	@$(STACKS) prepare "$(STACK)-image" && $(STACKS) prepare "$(STACK)"
	@(cd infra/cdk && $(CDK) deploy "$(STACK)-image" "$(STACK)" --require-approval never -c "image=$$ARG_IMAGE" \
		-c "kept_queues=$$ARG_KEPT_QUEUES" -c "vpc_id=$$ARG_VPC_ID" -c "subnet_ids=$$ARG_SUBNET_IDS" \
		-c "permissions_boundary=$$ARG_BOUNDARY" -c "web_acl=$$ARG_WEB_ACL" $(CONTEXT) \
		$(if $(JOBS_CONCURRENCY),-c "jobs_concurrency=$$ARG_JOBS_CONCURRENCY")) \
		|| { $(STACKS) failures "$(STACK)-image"; $(STACKS) failures "$(STACK)"; exit 1; }

infra-destroy: infra-tool
	@(cd infra/cdk && $(CDK) destroy "$(STACK)" "$(STACK)-image" --force -c image=$(NO_IMAGE) $(NO_NETWORK) $(CONTEXT)) \
		|| { $(STACKS) failures "$(STACK)"; $(STACKS) failures "$(STACK)-image"; exit 1; }

# How functions deployed by this tool are tagged: see kit/src/kit/ops/deployed_by.py.
.PHONY: infra-mark
infra-mark:
	@echo "stack"

# The setting for the alarms' email address, and the file it belongs in.
.PHONY: infra-alarm-email
infra-alarm-email:
	@printf '"alarm_email": "me@example.com" for %s, under stages in infra/cdk/cdk.json\n' "$$ARG_STAGE"
