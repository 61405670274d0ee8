# Infrastructure tasks with CDK. Needs Node.js; the rest is downloaded.
.PHONY: infra-check infra-tool infra-settings infra-image infra-apply infra-destroy

CDK := npx --yes aws-cdk@2.1148.1
CFN_LINT := $(UV) tool run --quiet cfn-lint@1.58.0
STACK = $(PROJECT)-$$ARG_STAGE
STACKS := $(RUN) python -m kit stack
# A placeholder where no image is deployed.
NO_IMAGE := $(PROJECT)@sha256:0000000000000000000000000000000000000000000000000000000000000000
CONTEXT = -c "region=$$AWS_REGION" -c "stage=$$ARG_STAGE"

infra-check: infra-tool ## check the infrastructure, without AWS
	@cd infra/cdk && $(CDK) synth --quiet --output cdk.out -c image=$(NO_IMAGE) $(CONTEXT)
	@$(CFN_LINT) --ignore-checks W3005 -- infra/cdk/cdk.out/*.template.json # CDK adds dependencies that are implied
	@$(RUN) python -m kit bucket-names --stage "$$ARG_STAGE"

infra-tool:
	@command -v npx >/dev/null || { echo "CDK needs Node.js 22 or later, which is not installed. Install it: https://nodejs.org"; exit 1; }

infra-settings: infra-tool
	@$(UV) run --quiet python infra/cdk/settings.py "$$ARG_STAGE"

infra-image: infra-tool
	@$(STACKS) prepare "$(STACK)-image"
	@cd infra/cdk && $(CDK) deploy "$(STACK)-image" --require-approval never -c image=$(NO_IMAGE) $(CONTEXT)

infra-apply: infra-tool
	@$(STACKS) prepare "$(STACK)-image" && $(STACKS) prepare "$(STACK)"
	@(cd infra/cdk && $(CDK) deploy "$(STACK)-image" "$(STACK)" --require-approval never -c "image=$$ARG_IMAGE" \
		-c "kept_queues=$$ARG_KEPT_QUEUES" -c "permissions_boundary=$$ARG_BOUNDARY" $(CONTEXT)) \
		|| { $(STACKS) failures "$(STACK)-image"; $(STACKS) failures "$(STACK)"; exit 1; }

infra-destroy: infra-tool
	@(cd infra/cdk && $(CDK) destroy "$(STACK)" "$(STACK)-image" --force -c image=$(NO_IMAGE) $(CONTEXT)) \
		|| { $(STACKS) failures "$(STACK)"; $(STACKS) failures "$(STACK)-image"; exit 1; }

# How functions deployed by this tool are tagged: see kit/src/kit/ops/deployed_by.py.
.PHONY: infra-mark
infra-mark:
	@echo "stack"

# The setting for the alarms' email address, and the file it belongs in.
.PHONY: infra-alarm-email
infra-alarm-email:
	@printf '"alarm_email": "me@example.com" for %s, under stages in infra/cdk/cdk.json\n' "$$ARG_STAGE"
