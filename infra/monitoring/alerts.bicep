// Alerts on the app's own log lines (one JSON object each, see taglock/telemetry.py) and on the host's.
param location string
param tags object
param componentId string
param actionGroupId string
param loginServers string[]

var queries = [
  {
    name: 'lock-failed'
    description: 'An image could not be locked (LOCK_FAILED), or an audit could not be begun.'
    severity: 1
    query: loadTextContent('queries/lock-failed.kql')
    frequency: 'PT5M'
    window: 'PT5M'
  }
  {
    name: 'new-findings'
    description: 'An audit found something that no audit before it had found.'
    severity: 2
    query: loadTextContent('queries/new-findings.kql')
    frequency: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'act-unfinished'
    description: 'A quarantine, hold, grant or its end is not as it was asked for and is tried again, or nobody looked at a quarantine in time.'
    severity: 1
    query: loadTextContent('queries/act-unfinished.kql')
    frequency: 'PT5M'
    window: 'PT5M'
  }
  {
    name: 'audit-incomplete'
    description: 'An audit could not read everything (INCOMPLETE).'
    severity: 2
    query: loadTextContent('queries/audit-incomplete.kql')
    frequency: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'audit-late'
    description: 'No audit of a registry ended within a day.'
    severity: 1
    query: replace(loadTextContent('queries/audit-late.kql'), 'LOGIN_SERVERS', join(loginServers, ','))
    frequency: 'PT1H'
    window: 'P1D'
  }
  {
    name: 'poison-queue'
    description: 'The host gave up on a message of an audit and moved it to the poison queue.'
    severity: 2
    query: loadTextContent('queries/poison-queue.kql')
    frequency: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'function-failures'
    description: 'Invocations failed. Event Grid and the queue deliver again; nothing is lost yet.'
    severity: 2
    query: loadTextContent('queries/function-failures.kql')
    frequency: 'PT15M'
    window: 'PT15M'
  }
]

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for each in queries: {
  name: 'taglock-${each.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'taglock: ${each.name}'
    description: each.description
    enabled: true
    severity: each.severity
    scopes: [
      componentId
    ]
    evaluationFrequency: each.frequency
    windowSize: each.window
    // The tables exist only after the first line was sent.
    skipQueryValidation: true
    autoMitigate: false
    criteria: {
      allOf: [
        {
          query: each.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        actionGroupId
      ]
    }
  }
}]
