// The topic of one web app: a swap of slots writes no resource, so the subscription's events do not tell of it.
param siteName string
param tags object
param topicsIdentityId string
param actionGroupId string

resource site 'Microsoft.Web/sites@2024-11-01' existing = {
  name: siteName
}

module topic '../registry/topic.bicep' = {
  name: 'taglock-topic-${siteName}'
  params: {
    name: 'evgst-taglock-${siteName}'
    source: site.id
    location: site.location
    topicType: 'Microsoft.Web.Sites'
    topicsIdentityId: topicsIdentityId
    tags: tags
    actionGroupId: actionGroupId
  }
}

output topicId string = topic.outputs.topicId
