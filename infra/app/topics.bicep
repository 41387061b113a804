// Two topics, never one: pipelines send to the inbound one, the app to the outbound one. Whoever may tell of deployments
// must not be able to forge what the app reports. Neither has a usable key.
param token string
param location string
param tags object
param appPrincipalId string
param topicsIdentityId string
param pipelinePrincipals string[]
param actionGroupId string

// EventGrid Data Sender: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/integration
var eventGridDataSender = 'd5a91429-5739-47e2-a06b-3470a27159e7'

resource inbound 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: 'evgt-taglock-pipelines-${token}'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${topicsIdentityId}': {}
    }
  }
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
  }
}

resource outbound 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: 'evgt-taglock-out-${token}'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${topicsIdentityId}': {}
    }
  }
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
  }
}

resource pipelinesSend 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in pipelinePrincipals: {
  name: guid(inbound.id, principal, eventGridDataSender)
  scope: inbound
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', eventGridDataSender)
    principalId: principal
  }
}]

resource appSends 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(outbound.id, appPrincipalId, eventGridDataSender)
  scope: outbound
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', eventGridDataSender)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

module lost '../monitoring/lost-events.bicep' = {
  name: 'taglock-pipelines-lost'
  params: {
    topicName: inbound.name
    topicId: inbound.id
    topicType: 'Microsoft.EventGrid/topics'
    tags: tags
    actionGroupId: actionGroupId
  }
}

output inboundId string = inbound.id
output inboundEndpoint string = inbound.properties.endpoint
output outboundId string = outbound.id
output outboundEndpoint string = outbound.properties.endpoint
