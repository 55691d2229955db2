import type { Schema } from '@cfworker/json-schema'
import * as fc from 'fast-check'
import { faults, schemaOf } from './openapi.ts'

export const MAX = Number.MAX_SAFE_INTEGER

/** Values that fit the schema. Unknown keywords are an error: a rule that is not generated is not tested. */
export function fitting(schema: Schema): fc.Arbitrary<unknown> {
  const { type, format: _, description: __, examples: ___, default: ____, ...rules } = schemaOf(schema)
  const rule = <T>(name: string, otherwise: T): T => {
    const value = (rules as Record<string, T>)[name] ?? otherwise
    delete (rules as Record<string, T>)[name]
    return value
  }
  const values = Array.isArray(type)
    ? fc.oneof(...type.map((one) => fitting({ ...rules, type: one })))
    : arbitrary(schema, type, rule)
  if (!Array.isArray(type) && Object.keys(rules).length > 0) {
    throw new Error(`the generator knows no ${Object.keys(rules)} of a ${type}`)
  }
  return values
}

type Rule = <T>(name: string, otherwise: T) => T

function arbitrary(schema: Schema, type: unknown, rule: Rule): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      for (const name of ['maxLength', 'minLength', 'pattern']) rule(name, undefined)
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer({ min: rule('minimum', -MAX), max: rule('maximum', MAX) })
    case 'string': {
      const [minLength, maxLength] = [rule('minLength', 0), rule('maxLength', 300)]
      const pattern = new RegExp(rule('pattern', ''), 'u')
      const lengths = { minLength, maxLength, size: 'max' } as const
      // JSON Schema counts code points, and so do these units.
      const units: fc.Arbitrary<string>[] = [
        fc.string({ ...lengths, unit: 'binary' }),
        fc.string({ minLength, maxLength, unit: 'binary-ascii', size: 'small' }),
        fc.constantFrom('é', '😀', ' ', 'a').map((unit) => unit.repeat(maxLength)),
      ]
      return fc.oneof(...units).filter((text) => pattern.test(text))
    }
    case 'array':
      return fc.array(fitting(rule<Schema>('items', {})), {
        minLength: rule('minItems', 0),
        maxLength: Math.min(rule('maxItems', 20), 20),
      })
    case 'object': {
      const properties = rule<Record<string, Schema>>('properties', {})
      const required = rule<string[]>('required', [])
      const names = Object.entries(properties).map(([name, schema]) => [name, fitting(schema)] as const)
      const own = fc.record(Object.fromEntries(names), { requiredKeys: required })
      const unknown = fc.string({ unit: 'binary' }).filter((name) => !(name in properties))
      const others = fc.dictionary(unknown, fc.jsonValue(), { maxKeys: 2 })
      for (const name of ['minProperties', 'if', 'else']) rule(name, undefined)
      return fc
        .tuple(fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, others), own)
        .map(([more, own]) => ({ ...more, ...own }))
        .filter((body) => faults(schema, body).length === 0)
    }
    default:
      throw new Error(`the generator knows no ${type}`)
  }
}

/** Values near those that fit, each with one thing wrong, as the document itself says. */
export function failing(schema: Schema): fc.Arbitrary<unknown> {
  return broken(schemaOf(schema)).filter((value) => faults(schema, value).length > 0)
}

function broken(schema: Schema): fc.Arbitrary<unknown> {
  const { maxLength, maxItems, maximum } = schema
  const properties = schema.properties as Record<string, Schema> | undefined
  const items = schema.items as Schema | undefined
  const near: fc.Arbitrary<unknown>[] = [fc.jsonValue(), fc.constantFrom(null, 0, '', [], {}, '1', 1.5, -1)]
  if (properties) {
    const [whole, names] = [fitting(schema) as fc.Arbitrary<object>, Object.keys(properties)]
    near.push(fc.tuple(whole, fc.constantFrom(...names)).map(([body, name]) => without(body, name)))
    for (const [name, member] of Object.entries(properties)) {
      near.push(
        fc.tuple(whole, broken(schemaOf(member))).map(([body, value]) => ({ ...body, [name]: value })),
      )
    }
  }
  if (items) near.push(fc.array(broken(schemaOf(items)), { minLength: 1, maxLength: 3 }))
  if (maxItems) near.push(fc.constant(Array.from({ length: maxItems + 1 }, (_, i) => i + 1)))
  if (maximum) near.push(fc.constantFrom(0, maximum + 1))
  if (maxLength) {
    near.push(fc.integer({ min: maxLength + 1, max: maxLength + 300 }).map((length) => 'x'.repeat(length)))
    near.push(fc.constantFrom('\0', 'a\0b', ' ', '\u2003\n\t', '\u0085'))
  }
  return fc.oneof(...near)
}

function without(body: object, name: string): object {
  return Object.fromEntries(Object.entries(body).filter(([each]) => each !== name))
}
