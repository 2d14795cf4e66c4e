// What is kept by the browser.

const here = new Map(); // where storage is full, switched off or closed to this page

/** Values kept under names that begin with a place; `storage` returns what keeps them. */
export function memory(storage, place) {
  return {
    get(name) {
      const key = `weaklab ${place} ${name}`;
      try {
        return JSON.parse(storage().getItem(key) ?? here.get(key) ?? null);
      } catch {
        return JSON.parse(here.get(key) ?? null);
      }
    },
    put(name, value) {
      const key = `weaklab ${place} ${name}`;
      const text = JSON.stringify(value);
      try {
        storage().setItem(key, text);
        here.delete(key);
      } catch {
        here.set(key, text);
      }
    },
  };
}
