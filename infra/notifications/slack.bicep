// Slack, by an incoming webhook. docs/notifications.md
@description('Name of the outbound topic, evgt-taglock-out-...; deploy into its resource group.')
param topicName string

@secure()
@description('The address that the channel gave you. Whoever has it can post there.')
param webhookUrl string

param location string = resourceGroup().location

module channel 'channel.bicep' = {
  name: 'taglock-slack'
  params: {
    name: 'logic-taglock-slack'
    topicName: topicName
    location: location
    definition: json(loadTextContent('slack.json'))
    titles: json(loadTextContent('told.json'))
    values: {
      webhookUrl: {
        value: webhookUrl
      }
    }
  }
}
