// Two identities: what the app may do, and what Event Grid may do with dead letters. Neither has a secret.
param token string
param location string
param tags object

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-taglock-${token}'
  location: location
  tags: tags
}

resource topics 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-taglock-topics-${token}'
  location: location
  tags: tags
}

output appIdentityId string = app.id
output appClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output topicsIdentityId string = topics.id
output topicsPrincipalId string = topics.properties.principalId
