# What is done to the infrastructure, by SAM, which is fetched.
.PHONY: infra-check

SAM := SAM_CLI_TELEMETRY=0 $(UV) tool run --quiet --from aws-sam-cli==1.170.0 sam
CFN_LINT := $(UV) tool run --quiet cfn-lint@1.58.0

infra-check: ## check the infrastructure, without AWS
	@$(UV) run --quiet python infra/sam/assemble.py
	@$(SAM) validate --lint --region "$(AWS_REGION)" --template infra/sam/build/template.yaml
	@$(CFN_LINT) infra/sam/build/template.yaml infra/sam/image.yaml
