/* global Scalar */
Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  // Nothing from another origin, and no word to one.
  withDefaultFonts: false,
  telemetry: false,
  showDeveloperTools: 'never',
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
  // A pasted token lives as long as the page.
  persistAuth: false,
  authentication: { preferredSecurityScheme: 'session' },
  theme: 'none',
  documentDownloadType: 'direct',
  modelsSectionLabel: 'Schemas',
  orderSchemaPropertiesBy: 'preserve',
  orderRequiredPropertiesFirst: false,
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  defaultOpenAllTags: true,
})
