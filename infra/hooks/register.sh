#!/bin/sh
# Make the app registration that callers of the HTTP functions sign in to, or bring it up to date, and hand its id to azd.
# Run it before `azd up`, or later with `azd provision` after it. Bicep cannot make one: it is an object of Microsoft
# Entra, not of Azure Resource Manager. Needs az and azd, signed in, an azd environment, and the right to register
# applications (https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference). Windows: register.ps1.
set -eu
cd "$(dirname "$0")"

for program in az azd; do
  command -v "$program" >/dev/null || { echo "$program is needed to register the app" >&2; exit 1; }
done
environment=$(azd env get-value AZURE_ENV_NAME) || { echo "no azd environment: run azd env new first" >&2; exit 1; }
name="taglock-$environment"

# Never found by its name: names are not unique, and anybody in the tenant may have taken this one.
id=$(azd env get-value TAGLOCK_AUTH_CLIENT_ID 2>/dev/null) || id=
if [ -z "$id" ]; then
  id=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
  azd env set TAGLOCK_AUTH_CLIENT_ID "$id"
fi

# api://CLIENT-ID is an identifier that every tenant's policy allows
# (https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions).
az ad app update --id "$id" --identifier-uris "api://$id" --app-roles @app-roles.json

# Tokens of version 2, because App Service is told the issuer of version 2 (infra/app/function-app.bicep) and refuses the
# other's (https://github.com/MicrosoftDocs/azure-docs/issues/76602). A scope, and the Azure CLI authorized for it, because
# a person's own sign-in gets no token otherwise (https://github.com/Azure/azure-cli/issues/15056); one after the other,
# because the scope has to exist by then (https://learn.microsoft.com/graph/api/resources/preauthorizedapplication).
graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
for part in app-scope.json app-clients.json; do
  az rest --method PATCH --url "${graph%/}/v1.0/applications(appId='$id')" \
    --headers Content-Type=application/json --body "@$part" --output none
done

if ! az ad sp show --id "$id" --output none 2>/dev/null; then
  az ad sp create --id "$id" --output none
fi
# Only who was given a role gets a token at all.
az ad sp update --id "$id" --set appRoleAssignmentRequired=true

echo "TAGLOCK_AUTH_CLIENT_ID=$id. Give people roles: Entra admin centre > Enterprise applications > $name > Users and groups."
