# What is done to the infrastructure, by Terraform; TERRAFORM=tofu takes OpenTofu instead.
.PHONY: infra-check

TERRAFORM ?= terraform

infra-check: ## check the infrastructure, without AWS
	@command -v $(TERRAFORM) >/dev/null || { echo "There is no $(TERRAFORM) on the PATH. Install it (developer.hashicorp.com/terraform/install), or add TERRAFORM=tofu"; exit 1; }
	@$(TERRAFORM) -chdir=infra/terraform fmt -check -diff
	@$(TERRAFORM) -chdir=infra/terraform init -backend=false -input=false >/dev/null
	@$(TERRAFORM) -chdir=infra/terraform validate
