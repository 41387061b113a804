// The system topic of a global source. It can have no identity, so nothing can write its dead letters without a key:
// https://github.com/MicrosoftDocs/azure-docs/blob/main/articles/event-grid/enable-identity-system-topics.md
// ("Global Azure sources"). Dropped events raise an alert; what they told of is found by listing, with each audit.
param name string
param source string
param topicType string
param tags object
param actionGroupId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: 'global'
  tags: tags
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
