// What pipelines tell. CloudEvents come in, so only CloudEvents can go out.
param topicName string
param functionAppId string
param deadLetters object

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'pipelines'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/image_deployed'
        maxEventsPerBatch: 1
      }
    }
    filter: {
      advancedFilters: [
        {
          operatorType: 'StringBeginsWith'
          key: 'type'
          values: [
            'dev.cdevents.service.deployed.'
            'dev.cdevents.service.upgraded.'
            'dev.cdevents.service.rolledback.'
            'dev.cdevents.service.removed.'
            'Taglock.ImageDeployed'
          ]
        }
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
