# Infrastructure tasks with Terraform; TERRAFORM=tofu uses OpenTofu instead.
.PHONY: infra-check infra-audit infra-lock infra-tool infra-state infra-settings infra-image infra-apply infra-destroy

TERRAFORM ?= terraform
TEXT += TERRAFORM
CHECKOV := $(TOOL)/checkov.py checkov
TF = "$$ARG_TERRAFORM" -chdir=infra/terraform
# A placeholder where no image is deployed.
NO_IMAGE := $(PROJECT)@sha256:0000000000000000000000000000000000000000000000000000000000000000
# A stage's own settings, if it has any, and the common variables.
VARS = $(if $(wildcard infra/terraform/$(STAGE).tfvars),"-var-file=$$ARG_STAGE.tfvars") \
	-var "stage=$$ARG_STAGE" -var "aws_region=$$AWS_REGION"
# The settings that `make deploy` reads; what it changes where the account's quota is low; the network that it finds.
READ := architecture database_url_secret alarm_email monthly_budget vpc_id subnet_ids web_memory web_reserved_concurrency \
	throttle_rate throttle_burst jobs_memory jobs_concurrency task_cpu task_memory dashboard domain_name certificate_arn cdn
LIMITS = $(if $(JOBS_CONCURRENCY),-var "jobs_concurrency=$$ARG_JOBS_CONCURRENCY")
NETWORK = -var "vpc_id=$$ARG_VPC_ID" -var "subnet_ids=[\"$$(printf %s "$$ARG_SUBNET_IDS" | sed 's/,/","/g')\"]"
# A hint for after an interrupted run.
LOCKED = echo "If the error is a state lock, and nobody else is deploying, run: $$ARG_TERRAFORM -chdir=infra/terraform force-unlock ID"

# A pipeline takes the providers that the lock names, and writes no lock of its own.
INIT = $(TF) init -input=false $(if $(CI),-lockfile=readonly)

infra-check: infra-tool ## check the infrastructure, without AWS
	@$(TF) fmt -check -diff
	@$(INIT) -backend=false >/dev/null
	@$(TF) validate
	@$(RUN) python -m kit bucket-names --stage "$$ARG_STAGE"

infra-audit: ## look for security risks with checkov, without AWS
	@set -f; $(CHECKOV) --directory infra/terraform $$ARG_ARGS

infra-lock: ## lock the newest providers, for every system, in infra/terraform/.terraform.lock.hcl, which you commit
	@$(TF) init -backend=false -input=false -upgrade >/dev/null
	@$(TF) providers lock -platform=linux_amd64 -platform=linux_arm64 -platform=darwin_amd64 -platform=darwin_arm64

infra-tool:
	@[ -z "$$CI" ] || [ -e infra/terraform/.terraform.lock.hcl ] || { \
		echo "The repository has no infra/terraform/.terraform.lock.hcl. Run make infra-lock, and commit it."; exit 1; }
	@command -v "$$ARG_TERRAFORM" >/dev/null || { echo "$$ARG_TERRAFORM is not installed. Install it (developer.hashicorp.com/terraform/install), or use TERRAFORM=tofu"; exit 1; }

# Each stage has a workspace of its own, and so its own state.
infra-state: infra-tool
	@grep -qsE '^ *(backend "|cloud \{)' infra/terraform/*.tf || [ -z "$$CI" ] || { \
		echo "No backend is configured, so the state would be lost with this machine. Add one as described in infra/terraform/README.md."; exit 1; }
	@$(INIT) >/dev/null
	@$(TF) workspace select -or-create "$$ARG_STAGE" >/dev/null

# The console exits with 0 even for a setting that is invalid, and prints no text in quotes then.
infra-settings: infra-state
	@json=$$(echo 'jsonencode({ $(foreach name,$(READ),$(name) = var.$(name),) })' | $(TF) console $(VARS) -var "image=$(NO_IMAGE)") \
		&& case "$$json" in ''|'"'*) printf '%s\n' "$$json";; *) exit 1;; esac

infra-image: infra-state
	@$(TF) apply -input=false -auto-approve $(VARS) -var "image=$(NO_IMAGE)" -target=aws_ecr_repository.this || { $(LOCKED); exit 1; }

infra-apply: infra-state
	@$(TF) apply -input=false -auto-approve $(VARS) -var "image=$$ARG_IMAGE" -var "kept_queues=$$ARG_KEPT_QUEUES" \
		-var "permissions_boundary=$$ARG_BOUNDARY" -var "web_acl=$$ARG_WEB_ACL" $(LIMITS) $(NETWORK) || { $(LOCKED); exit 1; }

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
