// What is pushed to a registry. One entry for each function of the app that wants a registry's events.
param topicName string
param functionAppId string
param deadLetters object

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

var wanted = [
  {
    name: 'image-pushed'
    function: 'image_pushed'
    eventTypes: [
      'Microsoft.ContainerRegistry.ImagePushed'
    ]
  }
  {
    name: 'image-deleted'
    function: 'image_deleted'
    eventTypes: [
      'Microsoft.ContainerRegistry.ImageDeleted'
    ]
  }
]

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [for each in wanted: {
  parent: topic
  name: each.name
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/${each.function}'
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: each.eventTypes
    }
    // Event Grid's own defaults and maxima, written down: 30 attempts within a day
    // (https://learn.microsoft.com/azure/event-grid/delivery-and-retry).
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: deadLetters.identityId
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: deadLetters.storageAccountId
          blobContainerName: deadLetters.container
        }
      }
    }
  }
}]
