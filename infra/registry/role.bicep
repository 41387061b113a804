// What the app may do in one registry: list the catalog, read and write metadata (locks are metadata), and pull only
// when told so. Never push, never delete. Each row has its source in docs/permissions.md; tests/infra compares the
// rights with the requests that the app really sends.
param registryName string

@description('Whether the registry is in ABAC mode (RBAC Registry + ABAC Repository Permissions): then data actions count; otherwise actions do.')
param abac bool
param registryRole string
param contentRead string
param appPrincipalId string

var dataActions = [
  'Microsoft.ContainerRegistry/registries/catalog/read'
  'Microsoft.ContainerRegistry/registries/repositories/metadata/read'
  'Microsoft.ContainerRegistry/registries/repositories/metadata/write'
]
var contentDataActions = [
  'Microsoft.ContainerRegistry/registries/repositories/content/read'
]
// In RBAC mode the right to list the catalog is the right to pull: AcrPull, which has nothing else, lists it.
var actions = [
  'Microsoft.ContainerRegistry/registries/pull/read'
  'Microsoft.ContainerRegistry/registries/metadata/read'
  'Microsoft.ContainerRegistry/registries/metadata/write'
]

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers
var repositoryWriter = '2a1e307c-b015-4ebd-883e-5b7698a07328'
var catalogLister = 'bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7'
// Repository Writer can push. The condition takes that away: "-" is no name that a repository can have.
var neverPush = '((!(ActionMatches{\'Microsoft.ContainerRegistry/registries/repositories/content/write\'})) OR (@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEqualsIgnoreCase \'-\'))'
var neverPushOrPull = '((!(ActionMatches{\'Microsoft.ContainerRegistry/registries/repositories/content/write\'}) AND !(ActionMatches{\'Microsoft.ContainerRegistry/registries/repositories/content/read\'})) OR (@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEqualsIgnoreCase \'-\'))'

var builtIn = abac && registryRole == 'built-in'

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

resource custom 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (!builtIn) {
  name: guid(registry.id, 'taglock')
  properties: {
    // Names of roles are unique in a tenant, names of registries in a cloud.
    roleName: 'taglock on ${registryName}'
    description: 'Lock images of the registry ${registryName}: list, read and write metadata. No push, no delete.'
    type: 'CustomRole'
    permissions: [
      {
        actions: abac ? [] : actions
        notActions: []
        dataActions: abac ? concat(dataActions, contentRead == 'on' ? contentDataActions : []) : []
        notDataActions: []
      }
    ]
    assignableScopes: [
      resourceGroup().id
    ]
  }
}

resource customAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!builtIn) {
  name: guid(registry.id, appPrincipalId, 'taglock')
  scope: registry
  properties: {
    roleDefinitionId: custom.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource writerAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (builtIn) {
  name: guid(registry.id, appPrincipalId, repositoryWriter)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', repositoryWriter)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    condition: contentRead == 'on' ? neverPush : neverPushOrPull
    conditionVersion: '2.0'
  }
}

resource listerAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (builtIn) {
  name: guid(registry.id, appPrincipalId, catalogLister)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', catalogLister)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}
