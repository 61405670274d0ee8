# Infrastructure tasks with Terraform; TERRAFORM=tofu uses OpenTofu instead.
.PHONY: infra-check infra-tool infra-state infra-settings infra-image infra-apply infra-destroy

TERRAFORM ?= terraform
TEXT += TERRAFORM
TF = "$$ARG_TERRAFORM" -chdir=infra/terraform
# A placeholder where no image is deployed.
NO_IMAGE := $(PROJECT)@sha256:0000000000000000000000000000000000000000000000000000000000000000
# A stage's own settings, if it has any, and the common variables.
VARS = $(if $(wildcard infra/terraform/$(STAGE).tfvars),"-var-file=$$ARG_STAGE.tfvars") \
	-var "stage=$$ARG_STAGE" -var "aws_region=$$AWS_REGION"
# A hint for after an interrupted run.
LOCKED = echo "If the error is a state lock, and nobody else is deploying, run: $$ARG_TERRAFORM -chdir=infra/terraform force-unlock ID"

infra-check: infra-tool ## check the infrastructure, without AWS
	@$(TF) fmt -check -diff
	@$(TF) init -backend=false -input=false >/dev/null
	@$(TF) validate
	@$(RUN) python -m kit bucket-names --stage "$$ARG_STAGE"

infra-tool:
	@command -v "$$ARG_TERRAFORM" >/dev/null || { echo "$$ARG_TERRAFORM is not installed. Install it (developer.hashicorp.com/terraform/install), or use TERRAFORM=tofu"; exit 1; }

# Each stage has a workspace of its own, and so its own state.
infra-state: infra-tool
	@grep -qsE '^ *(backend "|cloud \{)' infra/terraform/*.tf || [ -z "$$CI" ] || { \
		echo "No backend is configured, so the state would be lost with this machine. Add one as described in infra/terraform/README.md."; exit 1; }
	@$(TF) init -input=false >/dev/null
	@$(TF) workspace select -or-create "$$ARG_STAGE" >/dev/null

infra-settings: infra-state
	@echo 'jsonencode([var.architecture, local.secret, var.alarm_email])' | $(TF) console $(VARS) -var "image=$(NO_IMAGE)"

infra-image: infra-state
	@$(TF) apply -input=false -auto-approve $(VARS) -var "image=$(NO_IMAGE)" -target=aws_ecr_repository.this || { $(LOCKED); exit 1; }

infra-apply: infra-state
	@$(TF) apply -input=false -auto-approve $(VARS) -var "image=$$ARG_IMAGE" -var "kept_queues=$$ARG_KEPT_QUEUES" \
		-var "permissions_boundary=$$ARG_BOUNDARY" || { $(LOCKED); exit 1; }

infra-destroy: infra-state
	@$(TF) destroy -input=false -auto-approve $(VARS) -var "image=$(NO_IMAGE)" || { $(LOCKED); exit 1; }
	@$(TF) workspace select default >/dev/null && $(TF) workspace delete "$$ARG_STAGE" >/dev/null

# How functions deployed by this tool are tagged: see kit/src/kit/ops/deployed_by.py.
.PHONY: infra-mark
infra-mark:
	@echo "alone"

# The setting for the alarms' email address, and the file it belongs in.
.PHONY: infra-alarm-email
infra-alarm-email:
	@printf 'alarm_email = "me@example.com" in infra/terraform/%s.tfvars\n' "$$ARG_STAGE"
