// The system topic of one regional source, beside the source, with the identity that writes its dead letters.
param name string
param source string
param location string
param topicType string
param topicsIdentityId string
param tags object
param actionGroupId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${topicsIdentityId}': {}
    }
  }
  properties: {
    source: source
    topicType: topicType
  }
}

module lost '../monitoring/lost-events.bicep' = {
  name: 'lost-${uniqueString(topic.id)}'
  params: {
    topicName: topic.name
    topicId: topic.id
    topicType: 'Microsoft.EventGrid/systemTopics'
    tags: tags
    actionGroupId: actionGroupId
  }
}

output topicId string = topic.id
