// The event subscriptions, run by infra/hooks/postdeploy after each deployment: Event Grid refuses a subscription whose
// function does not exist. Filters equal those of docs/deployments.md and what the handlers accept (tests/infra).
targetScope = 'subscription'

param functionAppId string
param storageAccountId string
param deadLetterContainer string
param topicsIdentityId string
param pipelinesTopicId string
param registryTopicIds array
param subscriptionTopicIds array
param siteTopicIds array

var deadLetters = {
  storageAccountId: storageAccountId
  container: deadLetterContainer
  identityId: topicsIdentityId
}

module registry 'registry.bicep' = [for id in registryTopicIds: {
  name: 'taglock-events-${uniqueString(id)}'
  scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  params: {
    topicName: last(split(id, '/'))
    functionAppId: functionAppId
    deadLetters: deadLetters
  }
}]

module deployments 'deployments.bicep' = [for id in subscriptionTopicIds: {
  name: 'taglock-events-${uniqueString(id)}'
  scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  params: {
    topicName: last(split(id, '/'))
    functionAppId: functionAppId
  }
}]

module sites 'sites.bicep' = [for id in siteTopicIds: {
  name: 'taglock-events-${uniqueString(id)}'
  scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  params: {
    topicName: last(split(id, '/'))
    functionAppId: functionAppId
    deadLetters: deadLetters
  }
}]

module pipelines 'pipelines.bicep' = {
  name: 'taglock-events-pipelines'
  scope: resourceGroup(split(pipelinesTopicId, '/')[2], split(pipelinesTopicId, '/')[4])
  params: {
    topicName: last(split(pipelinesTopicId, '/'))
    functionAppId: functionAppId
    deadLetters: deadLetters
  }
}
