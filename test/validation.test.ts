import { describe, expect, test } from 'vitest'
import { aRow, aUser, expectProblem, type Task } from './support.ts'

/** Unicode's PropList.txt: White_Space. */
const WHITE_SPACE = [
  ...'\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
]

const MISSING = { code: 'missing', message: 'Field required' }
const STRING = { code: 'string_type', message: 'Input should be a valid string' }
const BOOL = { code: 'bool_type', message: 'Input should be a valid boolean' }
const LIST = { code: 'list_type', message: 'Input should be a valid list' }
const INT = { code: 'int_type', message: 'Input should be a valid integer' }
const PARSING = { code: 'int_parsing', message: 'Input should be a valid integer' }
const GREATER = { code: 'greater_than_equal', message: 'Input should be greater than or equal to 1' }
const less = (max: number) => ({
  code: 'less_than_equal',
  message: `Input should be less than or equal to ${max}`,
})
const MAX_ID = 9007199254740991
const SHORT = { code: 'string_too_short', message: 'String should have at least 1 character' }
const long = (max: number) => ({
  code: 'string_too_long',
  message: `String should have at most ${max} characters`,
})
const INVALID = {
  code: 'string_invalid',
  message: 'String should not contain NUL or unpaired surrogates',
}
const JSON_INVALID = { field: 'body', code: 'json_invalid', message: 'Body is not valid JSON' }
const MODEL = { field: 'body', code: 'model_type', message: 'Body should be a JSON object' }

const DUCK = '🐤'

type Entry = { field: string; code: string; message: string; value?: unknown }

async function errorsOf(response: Response): Promise<Entry[]> {
  const problem = await expectProblem(response, 400, 'validation_error')
  expect(problem.title).toBe('Request validation failed')
  return problem.errors as Entry[]
}

/** A way to send members of a task, and a task for it. */
async function aForm(method: string) {
  const user = await aUser()
  const path = method === 'POST' ? '/tasks' : `/tasks/${await aRow(user.id)}`
  return (body: unknown, headers?: Record<string, string>) => user.api(method, path, body, headers)
}

/** What is wrong with one member: the value as sent, then the entry it gets and the `value` in it. */
const wrongMembers: [
  what: string,
  field: string,
  value: unknown,
  error: object,
  shown?: { value: unknown },
][] = [
  ['null', 'title', null, STRING, { value: null }],
  ['a number', 'title', 7.5, STRING, { value: 7.5 }],
  ['a boolean', 'title', false, STRING, { value: false }],
  ['a list', 'title', ['canary'], STRING],
  ['an object', 'title', { canary: 1 }, STRING],
  ['an empty string', 'title', '', SHORT, { value: '' }],
  ['all White_Space', 'title', WHITE_SPACE.join(''), SHORT, { value: WHITE_SPACE.join('') }],
  ['201 letters', 'title', 'c'.repeat(201), long(200), { value: 'c'.repeat(100) }],
  ['201 emoji', 'title', DUCK.repeat(201), long(200), { value: DUCK.repeat(100) }],
  ['60,000 letters', 'title', 'c'.repeat(60_000), long(200), { value: 'c'.repeat(100) }],
  ['a NUL', 'title', 'canary\0', INVALID, { value: 'canary\0' }],
  ['a NUL alone', 'title', '\0', INVALID, { value: '\0' }],
  ['a high surrogate', 'title', 'canary\ud83d', INVALID, { value: 'canary\ufffd' }],
  ['a low surrogate', 'title', '\udc24canary', INVALID, { value: '\ufffdcanary' }],
  ['surrogates in the wrong order', 'title', '\udc24\ud83d', INVALID, { value: '\ufffd\ufffd' }],
  ['a number', 'description', 0, STRING, { value: 0 }],
  ['a boolean', 'description', true, STRING, { value: true }],
  ['a list', 'description', [], STRING],
  ['an object', 'description', {}, STRING],
  ['1001 letters', 'description', 'c'.repeat(1001), long(1000), { value: 'c'.repeat(100) }],
  ['1001 emoji', 'description', DUCK.repeat(1001), long(1000), { value: DUCK.repeat(100) }],
  ['a NUL', 'description', '\0canary', INVALID, { value: '\0canary' }],
  ['an unpaired surrogate', 'description', '\udfff', INVALID, { value: '\ufffd' }],
  ['null', 'completed', null, BOOL, { value: null }],
  ['a number', 'completed', 1, BOOL, { value: 1 }],
  ['a string', 'completed', 'true', BOOL, { value: 'true' }],
  ['a list', 'completed', [true], BOOL],
  ['an object', 'completed', {}, BOOL],
]

describe.each(['POST', 'PUT', 'PATCH'])('%s refuses', (method) => {
  test.each(wrongMembers)('%s for %s', async (_, field, value, error, shown) => {
    const send = await aForm(method)
    const errors = await errorsOf(await send({ title: 'canary', [field]: value }))
    expect(errors).toEqual([{ field, ...error, ...shown }])
  })

  test('each wrong member with an entry of its own', async () => {
    const send = await aForm(method)
    const errors = await errorsOf(await send({ title: '', description: 1, completed: 'canary' }))
    expect(errors).toEqual([
      { field: 'title', ...SHORT, value: '' },
      { field: 'description', ...STRING, value: 1 },
      { field: 'completed', ...BOOL, value: 'canary' },
    ])
  })

  test.each([
    ['nothing', ''],
    ['white space', ' \n'],
    ['half an object', '{"title":"canary"'],
    ['a trailing comma', '{"title":"canary",}'],
    ['single quotes', "{'title':'canary'}"],
    ['two objects', '{"title":"canary"}{"title":"canary"}'],
    ['NaN', '{"title":NaN}'],
    ['a raw line break in a string', '{"title":"canary\n"}'],
    ['a comment', '{"title":"canary"} // canary'],
  ])('a body that is %s', async (_, body) => {
    const send = await aForm(method)
    expect(await errorsOf(await send(body))).toEqual([JSON_INVALID])
  })

  // RFC 8259 §8.1; RFC 3629 §3
  test.each([
    ['a lone continuation byte', [0x80]],
    ['a truncated sequence', [0xf0, 0x9f, 0x90]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xa0, 0xbd]],
    ['Latin-1', [0xe9]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('%s, which is no UTF-8', async (_, bytes) => {
    const send = await aForm(method)
    const [before, after] = ['{"title":"canary ', '"}'].map((text) => new TextEncoder().encode(text))
    const body = Uint8Array.from([...(before ?? []), ...bytes, ...(after ?? [])])
    expect(await errorsOf(await send(body))).toEqual([JSON_INVALID])
  })

  test('UTF-16', async () => {
    const send = await aForm(method)
    const text = '\ufeff{"title":"canary"}'
    const body = new Uint8Array(Uint16Array.from(text, (unit) => unit.charCodeAt(0)).buffer)
    expect(await errorsOf(await send(body))).toEqual([JSON_INVALID])
  })

  test.each([
    ['null', 'null', { value: null }],
    ['a string', '"canary"', { value: 'canary' }],
    ['a long string', JSON.stringify(DUCK.repeat(300)), { value: DUCK.repeat(100) }],
    ['a number', '7', { value: 7 }],
    ['a boolean', 'true', { value: true }],
    ['a list', '[{"title":"canary"}]', {}],
  ])('a body that is %s', async (_, body, shown) => {
    const send = await aForm(method)
    expect(await errorsOf(await send(body))).toEqual([{ ...MODEL, ...shown }])
  })
})

describe.each(['POST', 'PUT', 'PATCH'])('%s survives', (method) => {
  const nested = (open: string, close: string) => open.repeat(10_000) + close.repeat(10_000)
  test.each([
    ['lists in a list', nested('[', ']'), MODEL],
    ['lists in a title', `{"title":${nested('[', ']')}}`, { field: 'title', ...STRING }],
    [
      'objects in a title',
      `{"title":${nested('{"":', '}').replace(':}', ':1}')}}`,
      { field: 'title', ...STRING },
    ],
    ['lists that do not end', '['.repeat(60_000), JSON_INVALID],
  ])('thousands of %s', async (_, body, error) => {
    const send = await aForm(method)
    expect(await errorsOf(await send(body))).toEqual([error])
  })
})

describe.each(['POST', 'PUT', 'PATCH'])('%s takes', (method) => {
  test.each([
    ['200 letters', { title: 'c'.repeat(200) }],
    ['200 emoji', { title: DUCK.repeat(200) }],
    ['a control character', { title: '\u0001' }],
    ['a separator that is no White_Space', { title: '\u001c\u001f' }],
    ['a byte order mark', { title: '\ufeff' }],
    ['a zero width space', { title: '\u200b' }],
    ['a Mongolian vowel separator', { title: '\u180e' }],
    ['1000 letters', { title: 'canary', description: 'c'.repeat(1000) }],
    ['1000 emoji', { title: 'canary', description: DUCK.repeat(1000) }],
    ['an empty description', { title: 'canary', description: '' }],
    ['a description of White_Space', { title: 'canary', description: WHITE_SPACE.join('') }],
    ['a noncharacter', { title: '\uffff\u{10ffff}' }],
  ])('%s', async (_, fields) => {
    const send = await aForm(method)
    const response = await send(fields)
    expect(response.status).toBe(method === 'POST' ? 201 : 200)
    expect(await response.json()).toMatchObject(fields)
  })

  test.each(WHITE_SPACE)('%j around a title as nothing', async (space) => {
    const send = await aForm(method)
    const response = await send({ title: `${space}${DUCK.repeat(200)}${space}${space}` })
    expect(((await response.json()) as Task).title).toBe(DUCK.repeat(200))
  })

  test('a byte order mark in front of the body, as RFC 8259 §8.1 lets it', async () => {
    const send = await aForm(method)
    expect((await send('\ufeff{"title":"canary"}')).ok).toBe(true)
  })
})

test('an entry has its members in one order, and no others', async () => {
  const send = await aForm('POST')
  for (const [body, members] of [
    [{ title: 7, description: 'c'.repeat(1001), completed: null }, ['field', 'message', 'code', 'value']],
    [{}, ['field', 'message', 'code']],
    ['{', ['field', 'message', 'code']],
    ['7', ['field', 'message', 'code', 'value']],
  ] as const) {
    for (const entry of await errorsOf(await send(body))) expect(Object.keys(entry)).toEqual(members)
  }
})

test('POST /tasks wants a title', async () => {
  const send = await aForm('POST')
  for (const body of [{}, { description: 'canary' }, { Title: 'canary' }]) {
    expect(await errorsOf(await send(body))).toEqual([{ field: 'title', ...MISSING }])
  }
})

test.each(['PUT', 'PATCH'])('%s wants at least one member that it knows', async (method) => {
  const send = await aForm(method)
  const error = {
    field: 'body',
    code: 'empty_update',
    message: 'Send at least one of title, description, completed',
  }
  for (const body of ['{}', '{"id":7,"user_id":"canary"}', '{"__proto__":{"title":"canary"}}']) {
    expect(await errorsOf(await send(body))).toEqual([error])
  }
})

describe('POST /tasks/bulk-delete refuses', () => {
  test.each<[what: string, body: unknown, errors: object[]]>([
    ['no task_ids', {}, [{ field: 'task_ids', ...MISSING }]],
    ['null', { task_ids: null }, [{ field: 'task_ids', ...LIST, value: null }]],
    ['a number', { task_ids: 1 }, [{ field: 'task_ids', ...LIST, value: 1 }]],
    ['a string', { task_ids: '1,2' }, [{ field: 'task_ids', ...LIST, value: '1,2' }]],
    ['an object', { task_ids: { 0: 1, length: 1 } }, [{ field: 'task_ids', ...LIST }]],
    [
      'no ids',
      { task_ids: [] },
      [{ field: 'task_ids', code: 'too_short', message: 'List should have at least 1 item' }],
    ],
    [
      '1001 ids',
      { task_ids: Array.from({ length: 1001 }, (_, n) => n + 1) },
      [{ field: 'task_ids', code: 'too_long', message: 'List should have at most 1000 items' }],
    ],
    [
      '1001 times the same id',
      { task_ids: Array(1001).fill(1) },
      [{ field: 'task_ids', code: 'too_long', message: 'List should have at most 1000 items' }],
    ],
    ['a string for an id', { task_ids: [1, '2'] }, [{ field: 'task_ids.1', ...INT, value: '2' }]],
    ['a fraction', { task_ids: [1.5] }, [{ field: 'task_ids.0', ...INT, value: 1.5 }]],
    ['null for an id', { task_ids: [null] }, [{ field: 'task_ids.0', ...INT, value: null }]],
    ['a boolean for an id', { task_ids: [true] }, [{ field: 'task_ids.0', ...INT, value: true }]],
    ['a list for an id', { task_ids: [[1]] }, [{ field: 'task_ids.0', ...INT }]],
    ['a number that is none', '{"task_ids":[1e999]}', [{ field: 'task_ids.0', ...INT }]],
    ['0', { task_ids: [7, 0] }, [{ field: 'task_ids.1', ...GREATER, value: 0 }]],
    ['a negative id', { task_ids: [-1] }, [{ field: 'task_ids.0', ...GREATER, value: -1 }]],
    ['2^53', { task_ids: [2 ** 53] }, [{ field: 'task_ids.0', ...less(MAX_ID), value: 2 ** 53 }]],
    ['1e300', { task_ids: [1e300] }, [{ field: 'task_ids.0', ...less(MAX_ID), value: 1e300 }]],
    [
      'several at once',
      { task_ids: ['a', 0, 1, 2.5] },
      [
        { field: 'task_ids.0', ...INT, value: 'a' },
        { field: 'task_ids.1', ...GREATER, value: 0 },
        { field: 'task_ids.3', ...INT, value: 2.5 },
      ],
    ],
    ['a list for a body', [1], [MODEL]],
    ['a body that is none', '[1', [JSON_INVALID]],
  ])('%s', async (_, body, errors) => {
    const user = await aUser()
    expect(await errorsOf(await user.api('POST', '/tasks/bulk-delete', body))).toEqual(errors)
  })

  test('everything when one id is wrong', async () => {
    const user = await aUser()
    const id = await aRow(user.id)
    await errorsOf(await user.api('POST', '/tasks/bulk-delete', { task_ids: [id, 'canary'] }))
    expect((await user.api('GET', `/tasks/${id}`)).status).toBe(200)
  })

  test('with the first twenty entries, however many there are', async () => {
    const user = await aUser()
    const task_ids = Array(1000).fill('canary')
    const errors = await errorsOf(await user.api('POST', '/tasks/bulk-delete', { task_ids }))
    expect(errors.map(({ field }) => field)).toEqual(Array.from({ length: 20 }, (_, n) => `task_ids.${n}`))
  })
})

test('POST /tasks/bulk-delete takes 1000 ids, the greatest id and 1.0 for 1', async () => {
  const user = await aUser()
  const task_ids = Array.from({ length: 1000 }, (_, n) => MAX_ID - n)
  const response = await user.api('POST', '/tasks/bulk-delete', { task_ids })
  expect(await response.json()).toEqual({ deleted: [], not_found: task_ids })
  const point = await user.api('POST', '/tasks/bulk-delete', `{"task_ids":[${MAX_ID}.0,9007199254740990e0]}`)
  expect(await point.json()).toEqual({ deleted: [], not_found: [MAX_ID, MAX_ID - 1] })
})

describe('an id in the path', () => {
  test.each([
    ['canary', 'canary'],
    ['01', '01'],
    ['00', '00'],
    ['1e3', '1e3'],
    ['0x10', '0x10'],
    ['+1', '+1'],
    ['%2B1', '+1'],
    ['%201', ' 1'],
    ['1%20', '1 '],
    ['1%0A', '1\n'],
    ['1.0', '1.0'],
    ['1.', '1.'],
    ['1,5', '1,5'],
    ['1_000', '1_000'],
    ['--1', '--1'],
    ['-', '-'],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['null', 'null'],
    ['1n', '1n'],
    ['1%2F2', '1/2'],
    ['%00', '\0'],
    ['%D9%A1', '\u0661'],
    ['%EF%BC%91', '\uff11'],
    ['%F0%9D%9F%8F', '\u{1d7cf}'],
    ['c'.repeat(300), 'c'.repeat(100)],
  ])('%s is no integer', async (id, value) => {
    const user = await aUser()
    for (const method of ['GET', 'DELETE']) {
      const errors = await errorsOf(await user.api(method, `/tasks/${id}`))
      expect(errors).toEqual([{ field: 'id', ...PARSING, value }])
    }
    for (const method of ['PUT', 'PATCH']) {
      const errors = await errorsOf(await user.api(method, `/tasks/${id}`, { completed: true }))
      expect(errors).toEqual([{ field: 'id', ...PARSING, value }])
    }
  })

  test.each(['0', '-1', '-9007199254740993'])('%s is less than 1', async (id) => {
    const user = await aUser()
    expect(await errorsOf(await user.api('GET', `/tasks/${id}`))).toEqual([
      { field: 'id', ...GREATER, value: id },
    ])
  })

  test.each(['9007199254740992', '9007199254740993', '18446744073709551617', '9'.repeat(100)])(
    '%s is greater than 2^53-1',
    async (id) => {
      const user = await aUser()
      expect(await errorsOf(await user.api('GET', `/tasks/${id}`))).toEqual([
        { field: 'id', ...less(MAX_ID), value: id },
      ])
    },
  )

  test('of 2^53-1 and one written in percent-encoding are ids', async () => {
    const user = await aUser()
    await expectProblem(await user.api('GET', `/tasks/${MAX_ID}`), 404, 'not_found')
    await expectProblem(await user.api('GET', '/tasks/%39007199254740991'), 404, 'not_found')
  })
})

describe('GET /tasks', () => {
  test.each([
    ['limit=01', '01'],
    ['limit=1e3', '1e3'],
    ['limit=0x10', '0x10'],
    ['limit=+1', ' 1'],
    ['limit=%2B1', '+1'],
    ['limit=%201', ' 1'],
    ['limit=1.0', '1.0'],
    ['limit=', ''],
    ['limit', ''],
    ['limit=ten', 'ten'],
    ['limit=%C2%A01', '\u00a01'],
  ])('?%s is no integer', async (query, value) => {
    const user = await aUser()
    const errors = await errorsOf(await user.api('GET', `/tasks?${query}`))
    expect(errors).toEqual([{ field: 'limit', ...PARSING, value }])
  })

  test.each([
    ['0', GREATER],
    ['-1', GREATER],
    ['1001', less(1000)],
    ['9007199254740993', less(1000)],
  ])('?limit=%s is out of range', async (value, error) => {
    const user = await aUser()
    const errors = await errorsOf(await user.api('GET', `/tasks?limit=${value}`))
    expect(errors).toEqual([{ field: 'limit', ...error, value }])
  })

  test.each([
    ['completed=', ''],
    ['completed', ''],
    ['completed=1', '1'],
    ['completed=0', '0'],
    ['completed=TRUE', 'TRUE'],
    ['completed=yes', 'yes'],
    ['completed=null', 'null'],
    ['completed=true%20', 'true '],
    [`completed=${'c'.repeat(200)}`, 'c'.repeat(100)],
  ])('?%s is neither true nor false', async (query, value) => {
    const user = await aUser()
    const errors = await errorsOf(await user.api('GET', `/tasks?${query}`))
    expect(errors).toEqual([
      { field: 'completed', code: 'bool_parsing', message: 'Input should be true or false', value },
    ])
  })

  test('takes a parameter once: a list of values is none', async () => {
    const user = await aUser()
    expect(
      await errorsOf(await user.api('GET', '/tasks?limit=1&limit=1&completed=true&completed=true')),
    ).toEqual([
      { field: 'completed', code: 'bool_parsing', message: 'Input should be true or false' },
      { field: 'limit', ...PARSING },
    ])
  })

  test('has an entry for each wrong parameter', async () => {
    const user = await aUser()
    const errors = await errorsOf(await user.api('GET', '/tasks?limit=0&completed=canary'))
    expect(errors.map(({ field, code }) => [field, code])).toEqual([
      ['completed', 'bool_parsing'],
      ['limit', 'greater_than_equal'],
    ])
  })
})
