// Slot swaps and updates of a web app.
param topicName string
param functionAppId string
param deadLetters object

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'site-updated'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/image_deployed'
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: [
        'Microsoft.Web.SlotSwapCompleted'
        'Microsoft.Web.AppUpdated'
      ]
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
}
