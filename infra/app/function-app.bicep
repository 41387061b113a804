// The Function App on Flex Consumption: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan
param token string
param location string
param tags object
param appIdentityId string
param appClientId string
param storageAccountName string
param packageContainer string
param connectionString string
param maximumInstances int
param operatorRanges string[]
param outboundSubnetId string

@description('Client id of the app registration that callers sign in to; empty: callers need the key of each function.')
param authClientId string

@description('Entries of TAGLOCK_REGISTRIES.')
param registries string[]

@description('The other settings of docs/settings.md.')
param taglock object

var clouds = {
  AzureCloud: 'public'
  AzureChinaCloud: 'china'
  AzureUSGovernment: 'usgov'
}

var eventGridOnly = [
  {
    name: 'event-grid'
    description: 'Event Grid delivers events to the webhook of the functions host.'
    priority: 100
    action: 'Allow'
    tag: 'ServiceTag'
    ipAddress: 'AzureEventGrid'
  }
]

var operators = [for (range, i) in operatorRanges: {
  name: 'operator-${i}'
  description: 'An operator range.'
  priority: 200 + i
  action: 'Allow'
  tag: 'Default'
  ipAddress: range
}]

// Compared with docs/settings.md and local.settings.sample.json by tests/infra.
var settings = {
  TAGLOCK_REGISTRIES: join(registries, ',')
  TAGLOCK_MODE: taglock.mode
  TAGLOCK_RULES: taglock.rules
  TAGLOCK_LEDGER: 'https://${storage.name}.table.${environment().suffixes.storage}'
  TAGLOCK_TOPIC_ENDPOINT: taglock.topicEndpoint
  TAGLOCK_MAX_CLOSURE: taglock.maxClosure
  TAGLOCK_CLOUD: clouds[environment().name]
  TAGLOCK_REGISTRY_TIER: taglock.registryTier
  TAGLOCK_REGISTRY_SHARE: taglock.registryShare
  // Empty: Resource Manager of the cloud above.
  TAGLOCK_ARM_ENDPOINT: ''
  TAGLOCK_SUBSCRIPTIONS: join(taglock.subscriptions, ',')
  TAGLOCK_DEFAULT_REGISTRY: taglock.defaultRegistry
  TAGLOCK_AUDIT_SCHEDULE: taglock.auditSchedule
  TAGLOCK_AUDIT_REPAIR: taglock.auditRepair
  TAGLOCK_AUDIT_GRACE: taglock.auditGrace
  TAGLOCK_MAX_ACTIONS: taglock.maxActions
  TAGLOCK_TELEMETRY: taglock.telemetry
  TAGLOCK_HTTP_AUTH: taglock.httpAuth
  TAGLOCK_TWO_PERSON_LIFT: taglock.twoPersonLift
  TAGLOCK_MAX_GRANT: taglock.maxGrant
  AZURE_CLIENT_ID: appClientId
  // https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
  AzureWebJobsStorage__accountName: storage.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: appClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${appClientId};Authorization=AAD'
  // Worker and host change over together (docs/telemetry.md): with one of them alone, log lines come twice or not at all.
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: taglock.telemetry == 'opentelemetry' ? 'true' : 'false'
  AzureFunctionsJobHost__telemetryMode: taglock.telemetry == 'opentelemetry' ? 'OpenTelemetry' : 'ApplicationInsights'
  // The alerts read the app's log lines, so none may be sampled away. Names of host.json as settings:
  // https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values
  AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes: 'Request;Exception;Trace'
}

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-taglock-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: 'func-taglock-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${appIdentityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(outboundSubnetId) ? null : outboundSubnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${storage.name}.blob.${environment().suffixes.storage}/${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: appIdentityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstances
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      ipSecurityRestrictionsDefaultAction: 'Deny'
      ipSecurityRestrictions: concat(eventGridOnly, operators)
      // Deployment signs in with Entra (basic authentication is off below).
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: settings
}

// App Service authentication in front of the HTTP functions:
// https://learn.microsoft.com/azure/app-service/overview-authentication-authorization. Event Grid brings the key of its
// own extension instead of a token, and health tells nothing.
resource authentication 'Microsoft.Web/sites/config@2024-11-01' = if (!empty(authClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: [
        '/runtime/webhooks/eventgrid'
        '/runtime/webhooks/EventGrid'
        '/api/health'
      ]
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            'api://${authClientId}'
            authClientId
          ]
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}

resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

output appId string = app.id
output appName string = app.name
