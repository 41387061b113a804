// Tells when a topic gave up on events: dead-lettered where there is a place for them, dropped where there is none.
// Metrics: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-eventgrid-systemtopics-metrics
param topicName string
param topicId string
param topicType string
param tags object
param actionGroupId string

resource lost 'Microsoft.Insights/metricAlerts@2018-03-01' = [for metric in ['DeadLetteredCount', 'DroppedEventCount']: {
  name: '${topicName}-${metric}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Event Grid gave up on events of ${topicName} (${metric}). An audit finds what they told of.'
    enabled: true
    severity: 1
    scopes: [
      topicId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: metric
          metricNamespace: topicType
          metricName: metric
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}]
