# Make the event subscriptions, once Azure knows the functions that they name. The same as postdeploy.sh.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false

$functions = @('image_pushed', 'image_deleted', 'image_deployed')
$attempts = if ($env:TAGLOCK_HOOK_ATTEMPTS) { [int]$env:TAGLOCK_HOOK_ATTEMPTS } else { 30 }
$pause = if ($env:TAGLOCK_HOOK_PAUSE_SECONDS) { [int]$env:TAGLOCK_HOOK_PAUSE_SECONDS } else { 10 }

if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    throw 'az (the Azure CLI) is needed to make the event subscriptions'
}

foreach ($function in $functions) {
    for ($attempt = 1; ; $attempt++) {
        az resource show --ids "$env:FUNCTION_APP_ID/functions/$function" --output none 2>$null
        if ($LASTEXITCODE -eq 0) { break }
        if ($attempt -ge $attempts) {
            throw "the function $function is not there after $attempts attempts; is the app running?"
        }
        Start-Sleep -Seconds $pause
    }
}

# A file, because quotes in arguments of native commands differ between versions of PowerShell.
$parameters = @{
    functionAppId        = @{ value = $env:FUNCTION_APP_ID }
    storageAccountId     = @{ value = $env:STORAGE_ACCOUNT_ID }
    deadLetterContainer  = @{ value = $env:DEAD_LETTER_CONTAINER }
    topicsIdentityId     = @{ value = $env:TOPICS_IDENTITY_ID }
    pipelinesTopicId     = @{ value = $env:PIPELINES_TOPIC_ID }
    registryTopicIds     = @{ value = @(ConvertFrom-Json $env:REGISTRY_TOPIC_IDS) }
    subscriptionTopicIds = @{ value = @(ConvertFrom-Json $env:SUBSCRIPTION_TOPIC_IDS) }
    siteTopicIds         = @{ value = @(ConvertFrom-Json $env:SITE_TOPIC_IDS) }
}
$file = New-TemporaryFile
try {
    ConvertTo-Json -Depth 5 $parameters | Set-Content -Path $file
    az deployment sub create `
        --subscription $env:AZURE_SUBSCRIPTION_ID `
        --location $env:AZURE_LOCATION `
        --name "taglock-events-$env:AZURE_ENV_NAME" `
        --template-file "$PSScriptRoot/../subscriptions/main.bicep" `
        --output none `
        --parameters "@$file"
    if ($LASTEXITCODE -ne 0) { throw 'the event subscriptions could not be made' }
}
finally {
    Remove-Item $file
}

Write-Output 'taglock: every event subscription is there'
