# Make the app registration that callers sign in to, or bring it up to date. The same as register.sh, which says why.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false
Set-Location $PSScriptRoot

foreach ($program in 'az', 'azd') {
    if (-not (Get-Command $program -ErrorAction SilentlyContinue)) { throw "$program is needed to register the app" }
}
$environment = azd env get-value AZURE_ENV_NAME
if ($LASTEXITCODE -ne 0) { throw 'no azd environment: run azd env new first' }
$name = "taglock-$environment"

$id = azd env get-value TAGLOCK_AUTH_CLIENT_ID 2>$null
if ($LASTEXITCODE -ne 0) { $id = '' }
if (-not $id) {
    $id = az ad app create --display-name $name --sign-in-audience AzureADMyOrg --query appId --output tsv
    if ($LASTEXITCODE -ne 0) { throw 'the app could not be registered' }
    azd env set TAGLOCK_AUTH_CLIENT_ID $id
}

az ad app update --id $id --identifier-uris "api://$id" --app-roles '@app-roles.json'
if ($LASTEXITCODE -ne 0) { throw 'the roles could not be set' }

$graph = (az cloud show --query endpoints.microsoftGraphResourceId --output tsv).TrimEnd('/')
foreach ($part in 'app-scope.json', 'app-clients.json') {
    az rest --method PATCH --url "$graph/v1.0/applications(appId='$id')" `
        --headers Content-Type=application/json --body "@$part" --output none
    if ($LASTEXITCODE -ne 0) { throw "$part could not be set" }
}

az ad sp show --id $id --output none 2>$null
if ($LASTEXITCODE -ne 0) {
    az ad sp create --id $id --output none
    if ($LASTEXITCODE -ne 0) { throw 'the service principal could not be made' }
}
az ad sp update --id $id --set appRoleAssignmentRequired=true
if ($LASTEXITCODE -ne 0) { throw 'the requirement of a role could not be set' }

Write-Output "TAGLOCK_AUTH_CLIENT_ID=$id. Give people roles: Entra admin centre > Enterprise applications > $name > Users and groups."
