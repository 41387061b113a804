#!/bin/sh
# Make the event subscriptions, once Azure knows the functions that they name. azd sets the outputs of main.bicep as
# environment variables. Needs the Azure CLI, signed in.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
functions="image_pushed image_deleted image_deployed"
attempts=${TAGLOCK_HOOK_ATTEMPTS:-30}
pause=${TAGLOCK_HOOK_PAUSE_SECONDS:-10}

command -v az >/dev/null || { echo "az (the Azure CLI) is needed to make the event subscriptions" >&2; exit 1; }

for function in $functions; do
  attempt=1
  until az resource show --ids "$FUNCTION_APP_ID/functions/$function" --output none 2>/dev/null; do
    if [ "$attempt" -ge "$attempts" ]; then
      echo "the function $function is not there after $attempts attempts; is the app running?" >&2
      exit 1
    fi
    attempt=$((attempt + 1))
    sleep "$pause"
  done
done

az deployment sub create \
  --subscription "$AZURE_SUBSCRIPTION_ID" \
  --location "$AZURE_LOCATION" \
  --name "taglock-events-$AZURE_ENV_NAME" \
  --template-file "$here/../subscriptions/main.bicep" \
  --output none \
  --parameters \
  functionAppId="$FUNCTION_APP_ID" \
  storageAccountId="$STORAGE_ACCOUNT_ID" \
  deadLetterContainer="$DEAD_LETTER_CONTAINER" \
  topicsIdentityId="$TOPICS_IDENTITY_ID" \
  pipelinesTopicId="$PIPELINES_TOPIC_ID" \
  registryTopicIds="$REGISTRY_TOPIC_IDS" \
  subscriptionTopicIds="$SUBSCRIPTION_TOPIC_IDS" \
  siteTopicIds="$SITE_TOPIC_IDS"

echo "taglock: every event subscription is there"
