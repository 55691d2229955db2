/** One thing that a document says, and who has to heed it: clients in requests, the API in answers. */
interface Fact {
  side: 'request' | 'answer'
  required: boolean
  rules: Record<string, unknown>
}

/** A part of a document; it may be anywhere in it, so all that could be there is. */
interface Part {
  [name: string]: unknown
  $ref?: string
  schema?: unknown
  required?: unknown
}

/**
 * What of a document breaks a client of the one before it: of requests what is taken no longer, of answers what is no
 * longer there or may be what was not foreseen. One line each, the same for the same change.
 */
export function breaking(before: Part, after: Part): string[] {
  const [old, now] = [facts(before), facts(after)]
  const lines: string[] = []
  for (const [name, { side, required, rules }] of old) {
    const next = now.get(name)
    // Of what is gone whole, the parts need not be told.
    if (!next) lines.push(...(now.has(parent(name)) || !old.has(parent(name)) ? [`${name} is gone`] : []))
    else {
      if (side === 'request' && next.required && !required) lines.push(`${name} is required`)
      if (side === 'answer' && required && !next.required) lines.push(`${name} may be missing`)
      for (const rule of new Set([...Object.keys(rules), ...Object.keys(next.rules)])) {
        if (!fits(rule, side, rules[rule], next.rules[rule])) {
          lines.push(
            `${name}: ${rule} was ${JSON.stringify(rules[rule])}, is ${JSON.stringify(next.rules[rule])}`,
          )
        }
      }
    }
  }
  for (const [name, { side, required }] of now) {
    const isNew = !old.has(name) && old.has(parent(name))
    if (isNew && side === 'request' && required) lines.push(`${name} is new, and required`)
  }
  return lines
}

const names = (required: unknown) => (required ?? []) as string[]

const parent = (name: string) => name.slice(0, name.lastIndexOf(' '))

/** Whether what was sent is still taken, or what is given was foreseen. */
function fits(rule: string, side: Fact['side'], old: unknown, now: unknown): boolean {
  const [narrow, wide] = side === 'request' ? [old, now] : [now, old]
  if (JSON.stringify(narrow) === JSON.stringify(wide) || wide === undefined) return true
  if (narrow === undefined) return false
  if (['type', 'enum', 'oneMemberOf'].includes(rule))
    return [narrow].flat().every((value) => [wide].flat().includes(value))
  if (rule.startsWith('max')) return Number(narrow) <= Number(wide)
  if (rule.startsWith('min')) return Number(narrow) >= Number(wide)
  return false
}

function facts(document: Part): Map<string, Fact> {
  const all = new Map<string, Fact>()
  const add = (name: string, side: Fact['side'], required: boolean, rules: Fact['rules'] = {}) =>
    all.set(name, { side, required, rules })

  for (const [path, item] of entries(document.paths)) {
    for (const [method, operation] of entries(item)) {
      const name = `${method.toUpperCase()} ${path}`
      add(name, 'answer', true, { operationId: operation.operationId })
      add(`${name} Authorization`, 'request', operation.security === undefined)
      for (const parameter of (operation.parameters as Part[]) ?? []) {
        const { name: own, required, schema } = resolve(parameter)
        addSchema(`${name} ${own}`, 'request', required === true, schema)
      }
      const body = resolve(operation.requestBody)
      for (const [mediaType, { schema }] of entries(body.content))
        addSchema(`${name} ${mediaType}`, 'request', false, schema)
      for (const [status, answer] of entries(operation.responses)) {
        add(`${name} ${status}`, 'answer', true)
        for (const [header, { required, schema }] of entries(answer.headers)) {
          addSchema(`${name} ${status} ${header}`, 'answer', required === true, schema)
        }
        for (const [mediaType, { schema }] of entries(answer.content)) {
          addSchema(`${name} ${status} ${mediaType}`, 'answer', true, schema)
        }
      }
    }
  }
  for (const [name] of entries((document.components as Part).schemas)) add(`schema ${name}`, 'answer', true)
  return all

  function addSchema(name: string, side: Fact['side'], isRequired: boolean, schema: unknown): void {
    const { properties, required, items, if: has, else: otherwise, ...rules } = resolve(schema)
    for (const words of ['description', 'title', 'example', 'examples', 'default']) delete rules[words]
    add(name, side, isRequired, has ? { ...rules, oneMemberOf: members(has, otherwise) } : rules)
    for (const [member, value] of entries(properties)) {
      addSchema(`${name} ${member}`, side, names(required).includes(member), value)
    }
    if (items) addSchema(`${name} []`, side, false, items)
  }

  /** Of the chain of if and else that asks for any one of some members. */
  function members(has: unknown, otherwise: unknown): string[] {
    const { required, if: next, else: last } = resolve(otherwise)
    return [...names(resolve(has).required), ...(next ? members(next, last) : names(required))]
  }

  function resolve(node: unknown): Part {
    const { $ref, ...own } = (node ?? {}) as Part
    if (typeof $ref !== 'string') return own
    return resolve(
      $ref
        .slice(2)
        .split('/')
        .reduce<unknown>((at, name) => (at as Part)[name], document),
    )
  }

  function entries(node: unknown): [string, Part][] {
    return Object.entries((node ?? {}) as object).map(([name, value]) => [name, resolve(value)])
  }
}
