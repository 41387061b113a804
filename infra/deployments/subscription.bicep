// One subscription whose deployments are watched: what the app may read there, and the topic of its events.
targetScope = 'subscription'

param environmentName string
param location string
param tags object
param appPrincipalId string
param actionGroupId string

// Less than Reader: only the resources that run images. Each action belongs to a request of the app (tests/infra).
// https://learn.microsoft.com/azure/role-based-access-control/permissions/web-and-mobile and .../containers
var actions = [
  'Microsoft.App/containerApps/read'
  'Microsoft.App/containerApps/revisions/read'
  'Microsoft.App/jobs/read'
  'Microsoft.Web/sites/read'
  'Microsoft.Web/sites/config/read'
  'Microsoft.Web/sites/sitecontainers/read'
  'Microsoft.Web/sites/slots/read'
  'Microsoft.Web/sites/slots/config/read'
  'Microsoft.Web/sites/slots/sitecontainers/read'
  'Microsoft.ContainerInstance/containerGroups/read'
]

// What the doctor reads of what surrounds the registries here (docs/doctor.md); tests/doctor compares them.
// https://learn.microsoft.com/azure/role-based-access-control/permissions/containers and .../management-and-governance
var doctorActions = [
  'Microsoft.ContainerRegistry/registries/read'
  'Microsoft.ContainerRegistry/registries/tasks/read'
  'Microsoft.ContainerRegistry/registries/replications/read'
  'Microsoft.Authorization/roleAssignments/read'
  'Microsoft.Authorization/locks/read'
  'Microsoft.EventGrid/topics/read'
]

resource reader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, 'taglock-deployments')
  properties: {
    roleName: 'taglock deployments ${subscription().subscriptionId}'
    description: 'Read which images run, and what surrounds registries: policies, tasks, role assignments, locks.'
    type: 'CustomRole'
    permissions: [
      {
        actions: concat(actions, doctorActions)
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, appPrincipalId, 'taglock-deployments')
  properties: {
    roleDefinitionId: reader.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}-events'
  location: location
  tags: tags
}

module topic 'global-topic.bicep' = {
  name: 'taglock-topic-deployments'
  scope: group
  params: {
    name: 'evgst-taglock-deployments'
    source: subscription().id
    topicType: 'Microsoft.Resources.Subscriptions'
    tags: tags
    actionGroupId: actionGroupId
  }
}

output topicId string = topic.outputs.topicId
