// One way to people: a workflow that is called for each event, and the subscription of the outbound topic that calls it.
// The shape (Request trigger, its callback address as the webhook, CloudEvents) is that of Microsoft's quick start:
// https://github.com/Azure/azure-quickstart-templates/tree/master/quickstarts/microsoft.eventgrid/event-grid-cloudevents
param name string
param topicName string
param location string
param definition object

@secure()
@description('Values of the parameters that the definition declares.')
param values object

@description('Which events are told, and their titles.')
param titles object

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

resource workflow 'Microsoft.Logic/workflows@2019-05-01' = {
  name: name
  location: location
  properties: {
    definition: definition
    parameters: union(values, {
      titles: {
        value: titles
      }
    })
  }
}

resource subscription 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    destination: {
      endpointType: 'WebHook'
      properties: {
        // Whoever has this address can make the workflow speak; it is signed, and Event Grid shows it to nobody.
        endpointUrl: listCallbackUrl('${workflow.id}/triggers/event', '2019-05-01').value
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: objectKeys(titles)
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
