#!/bin/sh
# Make the app registration that callers of the HTTP functions sign in to, once, and hand its id to azd.
# Bicep cannot make one: it is an object of Microsoft Entra, not of Azure Resource Manager.
# Needs az and azd, signed in, and the right to register applications.
set -eu
cd "$(dirname "$0")"
name="taglock-$(azd env get-value AZURE_ENV_NAME)"
found=$(az ad app list --display-name "$name" --query '[0].appId' --output tsv)
if [ -z "$found" ]; then
  found=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg \
    --app-roles @app-roles.json --query appId --output tsv)
  az ad app update --id "$found" --identifier-uris "api://$found"
fi
if ! az ad sp show --id "$found" --output none 2>/dev/null; then
  az ad sp create --id "$found" --output none
fi
# Only who was given a role gets a token at all.
az ad sp update --id "$found" --set appRoleAssignmentRequired=true
azd env set TAGLOCK_AUTH_CLIENT_ID "$found"
echo "TAGLOCK_AUTH_CLIENT_ID=$found. Give people roles: Entra admin centre > Enterprise applications > $name > Users and groups."
