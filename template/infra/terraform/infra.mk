# What is done to the infrastructure, by Terraform; TERRAFORM=tofu takes OpenTofu instead.
.PHONY: infra-check infra-tool infra-state infra-settings infra-image infra-apply infra-destroy

TERRAFORM ?= terraform
TEXT += TERRAFORM
TF = "$$ARG_TERRAFORM" -chdir=infra/terraform
# Any digest will do where nothing is deployed.
NO_IMAGE := $(NAME)@sha256:0000000000000000000000000000000000000000000000000000000000000000
# A stage's own settings, where it has any, and what is the same in every stage's.
VARS = $(if $(wildcard infra/terraform/$(STAGE).tfvars),"-var-file=$$ARG_STAGE.tfvars") \
	-var "stage=$$ARG_STAGE" -var "aws_region=$$AWS_REGION"
# What to do when Terraform was interrupted.
LOCKED = echo "Is a state lock all that it complains of, and nobody else deploys? Then: $$ARG_TERRAFORM -chdir=infra/terraform force-unlock ID"

infra-check: infra-tool ## check the infrastructure, without AWS
	@$(TF) fmt -check -diff
	@$(TF) init -backend=false -input=false >/dev/null
	@$(TF) validate

infra-tool:
	@command -v "$$ARG_TERRAFORM" >/dev/null || { echo "There is no $$ARG_TERRAFORM on the PATH. Install it (developer.hashicorp.com/terraform/install), or add TERRAFORM=tofu"; exit 1; }

# Each stage has a workspace, and so a state of its own.
infra-state: infra-tool
	@grep -qsE '^ *(backend "|cloud \{)' infra/terraform/*.tf || [ -z "$$CI" ] || { \
		echo "The state would be lost with this machine: there is no backend. Add one, as infra/terraform/README.md says."; exit 1; }
	@$(TF) init -input=false >/dev/null
	@$(TF) workspace select -or-create "$$ARG_STAGE" >/dev/null

infra-settings: infra-state
	@echo 'jsonencode([var.architecture, local.secret, var.alarm_email])' | $(TF) console $(VARS) -var "image=$(NO_IMAGE)"

infra-image: infra-state
	@$(TF) apply -input=false -auto-approve $(VARS) -var "image=$(NO_IMAGE)" -target=aws_ecr_repository.this || { $(LOCKED); exit 1; }

infra-apply: infra-state
	@$(TF) apply -input=false -auto-approve $(VARS) -var "image=$$ARG_IMAGE" || { $(LOCKED); exit 1; }

infra-destroy: infra-state
	@$(TF) destroy -input=false -auto-approve $(VARS) -var "image=$(NO_IMAGE)" || { $(LOCKED); exit 1; }
	@$(TF) workspace select default >/dev/null && $(TF) workspace delete "$$ARG_STAGE" >/dev/null

# What is in the tags of a function that this tool deployed: see kit/src/kit/ops/deployed_by.py.
.PHONY: infra-mark
infra-mark:
	@echo "alone"

# The setting for who is told of a stage's alarms, and its file.
.PHONY: infra-alarm-email
infra-alarm-email:
	@printf 'alarm_email = "me@example.com" in infra/terraform/%s.tfvars\n' "$$ARG_STAGE"
