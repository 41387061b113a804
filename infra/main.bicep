// Everything but the event subscriptions (subscriptions/main.bicep), which need the deployed functions.
// Shape: Azure-Samples/functions-quickstart-python-http-azd (Flex Consumption, identity, no keys), without its modules
// from a public registry, so that this folder can be read and checked offline. api-versions: tests/infra/resource_types.py.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the azd environment; part of the names of resources.')
param environmentName string

@minLength(1)
@metadata({
  azd: {
    type: 'location'
  }
})
@description('Region of the app; one that has Flex Consumption.')
param location string

@minLength(1)
@description('Resource ids of the registries, separated by commas. They may lie in other resource groups and subscriptions of the tenant.')
param registryIds string

// No default on purpose: azd asks, and report is the first choice.
@allowed([
  'report'
  'enforce'
])
@description('report: the app tells what it would lock. enforce: it locks. Begin with report.')
param mode string

@description('Ids of the subscriptions whose deployments are watched, separated by commas; empty: none.')
param watchedSubscriptions string = ''

@description('Resource ids of web apps whose slot swaps are watched, separated by commas; empty: none.')
param siteIds string = ''

@description('Object ids of the pipelines that may tell of deployments, separated by commas; empty: none.')
param pipelinePrincipals string = ''

@allowed([
  'custom'
  'built-in'
])
@description('Which role the app gets on registries in ABAC mode; those in RBAC mode always get the custom one.')
param registryRole string = 'custom'

@allowed([
  'off'
  'on'
])
@description('Whether the app may pull: for rules with referrers = true and for indexes whose children the registry does not name.')
param contentRead string = 'off'

@description('Who is mailed by the alerts; empty: alerts are raised and nobody is mailed.')
param alertEmail string = ''

@description('Address ranges (CIDR) that may call the HTTP functions, separated by commas; empty: Event Grid alone reaches the app.')
param operatorRanges string = ''

@description('Resource id of a subnet delegated to Microsoft.App/environments for outgoing connections; empty: public.')
param outboundSubnetId string = ''

param rules string = 'lock_rules.toml'
param defaultRegistry string = ''
param auditSchedule string = '0 0 */6 * * *'
param auditRepair string = 'none'
param auditGrace string = '15'
param maxActions string = '200'
@allowed([
  'off'
  'opentelemetry'
])
param telemetry string = 'off'
param twoPersonLift string = 'false'
param maxGrant string = '480'

@description('Client id of the app registration that infra/hooks/register.sh made; empty: the HTTP functions ask for their own keys.')
param authClientId string = ''

param maxClosure string = '10000'
param registryTier string = 'standard'
param registryShare string = '0.8'

@description('Most instances at once; each costs its own share of the registries limits.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 40

@description('Names of system topics that registries already have, by registry name: a source has at most one.')
param systemTopicNames object = {}

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var registries = split(replace(registryIds, ' ', ''), ',')
var watched = empty(watchedSubscriptions) ? [] : split(replace(watchedSubscriptions, ' ', ''), ',')
var sites = empty(siteIds) ? [] : split(replace(siteIds, ' ', ''), ',')
var pipelines = empty(pipelinePrincipals) ? [] : split(replace(pipelinePrincipals, ' ', ''), ',')
var operators = empty(operatorRanges) ? [] : split(replace(operatorRanges, ' ', ''), ',')

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'app/identities.bicep' = {
  name: 'taglock-identities'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
  }
}

module storage 'app/storage.bicep' = {
  name: 'taglock-storage'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    appPrincipalId: identities.outputs.appPrincipalId
    topicsPrincipalId: identities.outputs.topicsPrincipalId
  }
}

module insights 'monitoring/insights.bicep' = {
  name: 'taglock-insights'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    appPrincipalId: identities.outputs.appPrincipalId
    alertEmail: alertEmail
  }
}

module topics 'app/topics.bicep' = {
  name: 'taglock-topics'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    appPrincipalId: identities.outputs.appPrincipalId
    topicsIdentityId: identities.outputs.topicsIdentityId
    pipelinePrincipals: pipelines
    actionGroupId: insights.outputs.actionGroupId
  }
}

module registry 'registry/registry.bicep' = [for id in registries: {
  name: 'taglock-registry-${uniqueString(id)}'
  scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  params: {
    registryName: last(split(id, '/'))
    systemTopicNames: systemTopicNames
    tags: tags
    appPrincipalId: identities.outputs.appPrincipalId
    topicsIdentityId: identities.outputs.topicsIdentityId
    registryRole: registryRole
    contentRead: contentRead
    actionGroupId: insights.outputs.actionGroupId
  }
}]

module subscriptionDeployments 'deployments/subscription.bicep' = [for id in watched: {
  name: 'taglock-deployments-${uniqueString(id)}'
  scope: subscription(id)
  params: {
    environmentName: environmentName
    location: location
    tags: tags
    appPrincipalId: identities.outputs.appPrincipalId
    actionGroupId: insights.outputs.actionGroupId
  }
}]

module site 'deployments/site.bicep' = [for id in sites: {
  name: 'taglock-site-${uniqueString(id)}'
  scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  params: {
    siteName: last(split(id, '/'))
    tags: tags
    topicsIdentityId: identities.outputs.topicsIdentityId
    actionGroupId: insights.outputs.actionGroupId
  }
}]

module app 'app/function-app.bicep' = {
  name: 'taglock-app'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    appIdentityId: identities.outputs.appIdentityId
    appClientId: identities.outputs.appClientId
    storageAccountName: storage.outputs.accountName
    packageContainer: storage.outputs.packageContainer
    connectionString: insights.outputs.connectionString
    maximumInstances: maximumInstances
    operatorRanges: operators
    outboundSubnetId: outboundSubnetId
    authClientId: authClientId
    registries: [for i in range(0, length(registries)): registry[i].outputs.setting]
    taglock: {
      mode: mode
      rules: rules
      topicEndpoint: topics.outputs.outboundEndpoint
      maxClosure: maxClosure
      registryTier: registryTier
      registryShare: registryShare
      subscriptions: watched
      defaultRegistry: defaultRegistry
      auditSchedule: auditSchedule
      auditRepair: auditRepair
      auditGrace: auditGrace
      maxActions: maxActions
      telemetry: telemetry
      httpAuth: empty(authClientId) ? 'key' : 'entra'
      twoPersonLift: twoPersonLift
      maxGrant: maxGrant
    }
  }
}

module alerts 'monitoring/alerts.bicep' = {
  name: 'taglock-alerts'
  scope: group
  params: {
    location: location
    tags: tags
    componentId: insights.outputs.componentId
    actionGroupId: insights.outputs.actionGroupId
    loginServers: [for i in range(0, length(registries)): registry[i].outputs.loginServer]
  }
}

module workbook 'monitoring/workbook.bicep' = {
  name: 'taglock-workbook'
  scope: group
  params: {
    location: location
    tags: tags
    componentId: insights.outputs.componentId
  }
}

// What the hook hands to subscriptions/main.bicep.
output AZURE_LOCATION string = location
output FUNCTION_APP_ID string = app.outputs.appId
output STORAGE_ACCOUNT_ID string = storage.outputs.accountId
output DEAD_LETTER_CONTAINER string = storage.outputs.deadLetterContainer
output TOPICS_IDENTITY_ID string = identities.outputs.topicsIdentityId
output PIPELINES_TOPIC_ID string = topics.outputs.inboundId
output REGISTRY_TOPIC_IDS array = [for i in range(0, length(registries)): registry[i].outputs.topicId]
output SUBSCRIPTION_TOPIC_IDS array = [for i in range(0, length(watched)): subscriptionDeployments[i].outputs.topicId]
output SITE_TOPIC_IDS array = [for i in range(0, length(sites)): site[i].outputs.topicId]

// For people and pipelines.
output PIPELINES_TOPIC_ENDPOINT string = topics.outputs.inboundEndpoint
output OUTBOUND_TOPIC_ID string = topics.outputs.outboundId
output APP_CLIENT_ID string = identities.outputs.appClientId
