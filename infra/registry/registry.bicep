// One registry, in its own resource group: what the app may do there, and the topic of its events.
param registryName string
param systemTopicNames object
param tags object
param appPrincipalId string
param topicsIdentityId string
param registryRole string
param contentRead string
param actionGroupId string

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

// Modules, because only their parameters may hold what is known when the registry was read.
module role 'role.bicep' = {
  name: 'taglock-role-${registryName}'
  params: {
    registryName: registryName
    abac: registry.properties.?roleAssignmentMode == 'AbacRepositoryPermissions'
    registryRole: registryRole
    contentRead: contentRead
    appPrincipalId: appPrincipalId
  }
}

module topic 'topic.bicep' = {
  name: 'taglock-topic-${registryName}'
  params: {
    name: contains(systemTopicNames, registryName) ? systemTopicNames[registryName] : 'evgst-taglock-${registryName}'
    source: registry.id
    location: registry.location
    topicType: 'Microsoft.ContainerRegistry.Registries'
    topicsIdentityId: topicsIdentityId
    tags: tags
    actionGroupId: actionGroupId
  }
}

@description('An entry of TAGLOCK_REGISTRIES; named, because a login server can carry a hash behind the name.')
output setting string = '${toLower(registryName)}=${registry.properties.loginServer}'
output loginServer string = registry.properties.loginServer
output topicId string = topic.outputs.topicId
