(() => {
  "use strict";
  // What holds the modules of a bundle together: an object of exports for each, made before any of them runs, and its
  // body, run once when it is first needed. Imports read through that object, so bindings are live and cycles work.
  const { create, defineProperty, keys } = Object;
  const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);
  const bodies = [], spaces = [], begun = [], commons = [], views = [];

  const show = (space, name, get) => defineProperty(space, name, { get, enumerable: true, configurable: true });
  const space = (id) => {
    spaces[id] = defineProperty(create(null), Symbol.toStringTag, { value: "Module" });
    return spaces[id];
  };
  const run = (id) => {
    if (begun[id]) return spaces[id];
    begun[id] = true;
    const body = bodies[id];
    try {
      body();
    } catch (error) {
      begun[id] = false; // as in Node: whoever asks again runs it again
      throw error;
    }
    return spaces[id];
  };
  const copy = (to, from) => {
    for (const name of keys(from)) {
      if (name !== "default" && !has(to, name)) show(to, name, () => from[name]);
    }
  };
  // What `require` gives: the exports of a CommonJS file, or an object with those of an ES module.
  const required = (id) => {
    const from = run(id);
    if (commons[id]) return commons[id].exports;
    if (!views[id]) {
      views[id] = defineProperty({}, "__esModule", { value: true });
      for (const name of keys(from)) show(views[id], name, () => from[name]);
    }
    return views[id];
  };
  const common = (id, requests, body) => {
    const module = { exports: {}, id, loaded: false };
    commons[id] = module;
    const require = (name) => {
      if (!has(requests, name)) throw new Error(`cannot find module '${name}'`);
      return required(requests[name]);
    };
    bodies[id] = () => {
      body.call(module.exports, module, module.exports, require);
      module.loaded = true;
      const { exports } = module;
      const isObject = (typeof exports === "object" && exports !== null) || typeof exports === "function";
      const isModule = isObject && exports.__esModule && has(exports, "default");
      show(spaces[id], "default", () => (isModule ? module.exports.default : module.exports));
      if (isObject) copy(spaces[id], exports);
    };
  };
  return {
    space,
    run,
    copy,
    common,
    same: (value) => value,
    module: (id, body) => { bodies[id] = body; },
    json: (id, text) => common(id, {}, (module) => { module.exports = JSON.parse(text); }),
    show: (space, getters) => { for (const name of keys(getters)) show(space, name, getters[name]); },
    later: async (id) => run(id),
  };
})()
