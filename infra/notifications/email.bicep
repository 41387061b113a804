// E-mail from an account of Office 365. Who deploys this signs the connection in once, in the portal. docs/notifications.md
@description('Name of the outbound topic, evgt-taglock-out-...; deploy into its resource group.')
param topicName string

@description('To whom; several addresses are separated by semicolons.')
param to string

param location string = resourceGroup().location

var api = subscriptionResourceId('Microsoft.Web/locations/managedApis', location, 'office365')

resource mail 'Microsoft.Web/connections@2016-06-01' = {
  name: 'office365-taglock'
  location: location
  properties: {
    displayName: 'taglock notifications'
    api: {
      id: api
    }
  }
}

module channel 'channel.bicep' = {
  name: 'taglock-email'
  params: {
    name: 'logic-taglock-email'
    topicName: topicName
    location: location
    definition: json(loadTextContent('email.json'))
    titles: json(loadTextContent('told.json'))
    values: {
      to: {
        value: to
      }
      '$connections': {
        value: {
          office365: {
            connectionId: mail.id
            connectionName: mail.name
            id: api
          }
        }
      }
    }
  }
}
