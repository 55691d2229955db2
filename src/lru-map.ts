/** A Map that forgets the entry that was longest unused when it is full. Reading a key or setting it is a use. */
export class LruMap<K, V> extends Map<K, V> {
  readonly #capacity: number

  constructor(capacity: number) {
    super()
    this.#capacity = capacity
  }

  override get(key: K): V | undefined {
    const value = super.get(key)
    if (value !== undefined) {
      this.delete(key)
      super.set(key, value)
    }
    return value
  }

  override set(key: K, value: V): this {
    this.delete(key)
    super.set(key, value)
    if (this.size > this.#capacity) this.delete(this.keys().next().value as K)
    return this
  }
}
