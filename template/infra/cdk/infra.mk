# What is done to the infrastructure, by CDK. Needs Node.js; the rest is fetched.
.PHONY: infra-check

CDK := npx --yes aws-cdk@2.1148.1
CFN_LINT := $(UV) tool run --quiet cfn-lint@1.58.0
# Any digest will do where nothing is deployed.
NO_IMAGE := $(NAME)@sha256:0000000000000000000000000000000000000000000000000000000000000000

infra-check: ## check the infrastructure, without AWS
	@command -v npx >/dev/null || { echo "CDK needs Node.js 22 or later, and there is none. Install it: https://nodejs.org"; exit 1; }
	@cd infra/cdk && $(CDK) synth --quiet --output cdk.out -c image=$(NO_IMAGE) $(if $(STAGE),-c stage=$(STAGE))
	@$(CFN_LINT) infra/cdk/cdk.out/*.template.json
