local corosync_loop = require "corosync.loop"
local loops = require "spec.helpers.loops"
local replicas = require "spec.helpers.replicas"

local must = loops.must

local SILENT = { error = function() end }

local function refused(code, text, ok, message, got)
  assert.is_nil(ok)
  assert.equal(code, got, message)
  assert.matches(text, message, 1, true)
end

describe("submit to a replica in corosync.loop", function()
  after_each(replicas.clean)

  it("runs the loop in plain code until the result arrives", function()
    local list, app = replicas.listed()
    assert.equal(1, list:submit "one")
    assert.equal(2, list:submit { "two", n = 2 })
    assert.same({ "one", { "two", n = 2 } }, list.state)
    assert.is_true(app:barrier())
  end)

  it("returns every kind of result, and true for none", function()
    local app = replicas.new()
    local given = { number = 1.5, text = "a\0b", none = nil, ["false"] = false, table = { 1 } }
    local echo = app:machine("echo", { apply = function(_, command) return given[command] end })
    assert.equal(1.5, echo:submit "number")
    assert.equal("a\0b", echo:submit "text")
    assert.same({ 1 }, echo:submit "table")
    assert.is_false(echo:submit "false")
    assert.is_true(echo:submit "none")
  end)

  it("returns a result alone, without nils after it", function()
    local list, app = replicas.listed()
    assert.equal(1, select("#", list:submit "one"))
    assert.equal(1, select("#", app:barrier()))
    assert.equal(1, select("#", app:map "m":increment "n"))
    assert.equal(1, select("#", app:lock "l":acquire()))
    local count
    coroutine.wrap(function() count = select("#", list:submit "two") end)()
    assert(app:barrier())
    assert.equal(1, count)
  end)

  it("carries any bytes, empty strings and empty tables", function()
    local list = replicas.listed()
    for _, command in ipairs { "", "\0", "a\0\255", {}, { "" }, { [""] = {} }, { a = { b = { false, 1.25 } } } } do
      list:submit(command)
    end
    assert.same({ "", "\0", "a\0\255", {}, { "" }, { [""] = {} }, { a = { b = { false, 1.25 } } } }, list.state)
  end)

  if math.type then
    it("keeps 64-bit integers and floats apart", function()
      local list = replicas.listed()
      local numbers = { math.maxinteger, math.mininteger, 3, 3.0, 2 ^ 53, 0.1, 1 / 0 }
      list:submit(numbers)
      for i, number in ipairs(numbers) do
        assert.equal(number, list.state[1][i])
        assert.equal(math.type(number), math.type(list.state[1][i]))
      end
    end)
  end

  it("yields in a coroutine, and calls a callback", function()
    local list, app = replicas.listed()
    local order = {}
    coroutine.wrap(function()
      for i = 1, 3 do
        order[i] = list:submit(tostring(i))
      end
      assert(app:close())
    end)()
    local outcome
    assert.is_true(list:submit("by callback", function(...) outcome = { n = select("#", ...), ... } end))
    assert.is_nil(outcome)
    corosync_loop.run()
    assert.same({ n = 1, outcome[1] }, outcome)
    assert.equal(3, #order)
  end)

  it("waits in a coroutine under pcall, and in a function that C calls", function()
    local list = replicas.listed()
    local got = {}
    coroutine.wrap(function() got[1] = select(2, pcall(list.submit, list, "a")) end)()
    assert(replicas.eventually(function() return got[1] end))
    coroutine.wrap(function()
      pcall(table.sort, { 1, 2 }, function() got[2] = got[2] or list:submit "b" end)
    end)()
    assert(replicas.eventually(function() return got[2] end))
    assert.same({ 1, 2 }, got)
  end)

  it("resumes no coroutine that waits for something else", function()
    local list = replicas.listed()
    local resumed = 0
    local routine = coroutine.create(function()
      pcall(function() return setmetatable({}, { __index = function() return list:submit "a" end }).field end)
      repeat
        coroutine.yield "for something else"
        resumed = resumed + 1
      until false
    end)
    local _, reached = coroutine.resume(routine)
    assert(replicas.eventually(function()
      return #list.state == 1 and (reached or coroutine.status(routine) == "suspended")
    end))
    assert(list:submit "b")
    assert.equal(0, resumed)
  end)

  it("waits in a timer's callback without a coroutine", function()
    local list = replicas.listed()
    local got
    loops.after(1, function()
      got = { pcall(list.submit, list, "in a timer") }
      corosync_loop.stop()
    end)
    loops.run()
    assert.same({ true, 1 }, got)
  end)

  it("lets timers of the script run while plain code waits", function()
    local list = replicas.listed()
    local ticked = false
    loops.after(0, function() ticked = true end)
    repeat list:submit "x" until ticked
    assert.is_true(#list.state > 0)
  end)

  it("fails inside apply, without an effect on the outer command's result", function()
    local inner = {}
    local list
    list = replicas.listed(SILENT, { apply = function(state)
      state.n = (state.n or 0) + 1
      inner[#inner + 1] = { list:submit "inner" }
      inner[#inner + 1] = { list:submit("inner", print) }
      return state.n
    end })
    assert.equal(1, list:submit "outer")
    for i = 1, 2 do
      refused("dispatching", "must not submit", (table.unpack or unpack)(inner[i], 1, 3)) -- luacheck: ignore 113
    end
  end)

  it("fails inside initial and snapshot, which would else miss the commands that come meanwhile", function()
    local list, app = replicas.listed(SILENT)
    local inner = {}
    local function note()
      table.insert(inner, { list:submit "inner" })
      table.insert(inner, { list:submit("inner", print) })
      table.insert(inner, { app:dispatch() })
    end
    app:machine("other", {
      apply = function() end,
      initial = function() note() return {} end,
      snapshot = function() note() return "" end,
      restore = function() end,
    })
    assert.equal(6, #inner)
    for _, result in ipairs(inner) do
      assert.is_nil(result[1])
      assert.equal("dispatching", result[3])
    end
    assert.equal(1, list:submit "later")
  end)

  it("fails inside apply of another replica, like everything that waits", function()
    local inner, other, of_other = {}, replicas.listed(SILENT)
    replicas.ready(of_other)
    local list = replicas.listed({}, { apply = function(state)
      inner = { { other:submit "inner" }, { other:submit("inner", print) }, { of_other:barrier() },
        { of_other:lock "l":acquire() }, { of_other:dispatch() } }
      state.n = (state.n or 0) + 1
      return state.n
    end })
    assert.equal(1, list:submit "outer")
    for i = 1, 5 do
      assert.is_nil(inner[i][1])
      assert.equal("dispatching", inner[i][3])
    end
    assert.same({}, other.state)
    assert.equal(1, other:submit "later")
  end)

  it("fails before it sends where nothing can wait: in changed and in callbacks", function()
    local list
    local inner = {}
    list = replicas.listed(SILENT, { changed = function() inner[#inner + 1] = { list:submit "never" } end })
    local ended = false
    list:submit("first", function()
      inner[#inner + 1] = { list:submit "never" }
      ended = true
    end)
    assert(replicas.eventually(function() return ended end))
    assert.equal(2, #inner)
    for i = 1, 2 do
      refused("dispatching", "pass a callback, or call this method in a coroutine",
        (table.unpack or unpack)(inner[i], 1, 3)) -- luacheck: ignore 113
    end
    list:submit("last", function() end)
    assert(replicas.eventually(function() return list.state[#list.state] == "last" end))
    assert.same({ "first", "last" }, list.state)
  end)

  local REFUSED = {
    ["submit to machine 'list'"] = function(_, list) list:submit "never" end,
    ["set key 'a' of map 'm'"] = function(app) app:map("m"):set("a", 1) end,
    ["acquire lock 'l'"] = function(app) app:lock("l"):acquire() end,
    ["call 'f' on a member"] = function(_, _, rpc) rpc:any "f" end,
  }

  for what, f in pairs(REFUSED) do
    it("is reported once where nothing can wait, for scripts that ignore results: " .. what, function()
      local problems = {}
      local app = replicas.new { error = function(message) table.insert(problems, message) end }
      local rpc, list = app:calls { f = print }, nil
      list = replicas.list(app, "list", { changed = function() f(app, list, rpc) end })
      assert(list:submit "one")
      assert(list:submit "two")
      assert.equal(1, #problems)
      assert.matches("cannot " .. what .. ".*in a coroutine\nstack traceback:.*submit_spec", problems[1])
    end)
  end

  it("is reported once inside apply", function()
    local problems, list = {}, nil
    list = replicas.listed({ error = function(message) table.insert(problems, message) end }, {
      apply = function() list:submit("never", print) end,
    })
    assert(list:submit "one")
    assert(list:submit "two")
    assert.equal(1, #problems)
    assert.matches("apply, initial, snapshot and restore must not submit.*\nstack traceback:.*submit_spec", problems[1])
  end)

  it("works with callbacks and in coroutines in changed, callbacks and ready", function()
    local list, results, problems = nil, {}, {}
    local function note(result) results[#results + 1] = result end
    local app
    app = replicas.new {
      error = function(message) problems[#problems + 1] = message end,
      ready = function()
        coroutine.wrap(function() note(list:submit "ready") end)()
      end,
    }
    list = replicas.list(app, "list", { changed = function(_, command, result, at)
      must(type(at) == "number" and result)
      if command == "ready" then
        list:submit("changed", note)
        coroutine.wrap(function() note(list:submit "coroutine") end)()
      elseif command == "changed" then
        list:submit("nested", function(result_of_nested)
          note(result_of_nested)
          list:submit("callback", note)
        end)
      end
    end })
    assert(replicas.eventually(function() return #results == 5 end), table.concat(problems, "\n"))
    assert.same({}, problems)
    assert.same({ "ready", "changed", "coroutine", "nested", "callback" }, list.state)
  end)

  it("reports an error after a yield as an error of the script", function()
    local problems = {}
    local list = replicas.listed { error = function(message) problems[#problems + 1] = message end }
    local function fails() error "after the result" end
    coroutine.wrap(function()
      list:submit "x"
      fails()
    end)()
    assert(replicas.eventually(function() return #problems > 0 end))
    local first, rest = problems[1]:match "^([^\n]*)\nstack traceback:\n(.*)$"
    assert.matches("submit_spec.lua:%d+: after the result$", first)
    assert.not_matches("waiting.lua", first)
    assert.matches("^[^\n]*error.-\n[^\n]*submit_spec.lua:%d+", rest)
    assert.equal(2, list:submit "goes on")
  end)

  it("fails after close, which ends waiting commands", function()
    local list, app = replicas.listed()
    assert.equal(1, list:submit "x")
    local outcomes = {}
    for i = 1, 3 do
      list:submit("waits", function(...) outcomes[i] = { ... } end)
    end
    assert.is_true(app:close())
    assert.equal(3, #outcomes)
    for i = 1, 3 do
      refused("uncertain", "sent, but the replica was closed before it was confirmed; it may have been applied",
        outcomes[i][1], outcomes[i][2], outcomes[i][3])
    end
    refused("closed", "the replica was closed", list:submit "y")
    refused("closed", "the replica was closed", list:submit("y", print))
    refused("closed", "the replica was closed", app:barrier())
    assert.is_true(app:close())
    assert.equal("blocked", (app:status()))
    assert.equal("it is closed", (select(6, app:status())))
  end)

  it("fails with closed, without waiting, in a callback that has closed the replica", function()
    local list, app = replicas.listed()
    local outcome
    list:submit("x", function()
      app:close()
      outcome = { list:submit "y" }
    end)
    assert(replicas.eventually(function() return outcome end))
    refused("closed", "the replica was closed", outcome[1], outcome[2], outcome[3])
  end)

  it("ends with closed when the replica is closed before it has joined", function()
    local list, app = replicas.listed()
    local code
    list:submit("x", function(_, _, why) code = why end)
    assert.is_true(app:close())
    assert.equal("closed", code)
  end)

  it("can be closed by its own functions, which learn of what was confirmed", function()
    local codes = {}
    local list, app
    list, app = replicas.listed({}, { changed = function(_, command) if command == "2" then app:close() end end })
    for i = 1, 2 do
      list:submit(tostring(i), function(result, _, code) codes[i] = code or result end)
    end
    assert(replicas.eventually(function() return codes[2] end))
    assert.same({ 1, 2 }, codes)
  end)

  it("refuses more than the window, and more than can be sent", function()
    local list = replicas.listed { window = 2 }
    list:submit("1", function() end)
    list:submit("2", function() end)
    refused("full", "2 commands of this member wait", list:submit("3", print))
    assert(replicas.eventually(function() return #list.state == 2 end))
    refused("too_big", "and at most", list:submit(("x"):rep(67108864)))
    assert.equal(3, list:submit "3")
  end)

  it("handles events in plain code that submits again and again, although each submit is refused", function()
    local list, app = replicas.listed { window = 1 }
    replicas.ready(app)
    for _ = 1, 3 do
      list:submit("x", function() end)
      local code
      repeat code = select(3, list:submit "y") until code ~= "full"
      assert.is_nil(code)
    end
    assert.equal(6, #list.state)
  end)

  it("returns the error of apply to the submitter, and leaves the state unchanged", function()
    local changes = 0
    local list = replicas.listed({}, { apply = function(state, command)
      state[#state + 1] = command
      if command == "bad" then error "not this one" end
      if command == "thrown" then error { reason = "a table" } end
      if command == "object" then error(setmetatable({}, { __tostring = function() return "an object" end })) end
      if command == "memory" then error("not enough memory", 0) end
      if command == "odd" then error(setmetatable({}, { __tostring = error })) end
      if command == "nil" then error(nil) end
      return #state
    end, changed = function() changes = changes + 1 end })
    assert.equal(1, list:submit "a")
    refused("raised", "submit_spec.lua", list:submit "bad")
    refused("raised", "(error object is a table value)", list:submit "thrown")
    refused("raised", "an object", list:submit "object")
    refused("uncertain", "not enough memory", list:submit "memory")
    refused("raised", "(error object is a table value)", list:submit "odd")
    refused("raised", "nil", list:submit "nil")
    assert.equal(2, list:submit "b")
    assert.same({ "a", "b" }, list.state)
    assert.equal(2, changes)
  end)

  it("raises for a command that cannot be encoded, before it is sent", function()
    local list = replicas.listed()
    local cycle = {}
    cycle.cycle = cycle
    local function submit(command)
      local ok, problem = pcall(list.submit, list, command)
      assert.is_false(ok)
      return problem
    end
    for _, command in ipairs { { f = print }, cycle, { [true] = 1 }, { setmetatable({}, {}) },
      { coroutine.create(function() end) } } do
      assert.matches("bad argument #1 'command' to 'submit' %(", submit(command))
    end
    assert.matches("submit_spec.lua:%d+: bad argument #1 'command' to 'submit' %(string or table expected, got nil%)",
      submit(nil))
    assert.matches("got number", submit(1))
    assert.matches("field .a.b.f is a function", submit { a = { b = { f = print } } })
    assert.matches("field .a is a table with a boolean as a key", submit { a = { [true] = 1 } })
    assert.matches("field .cycle.cycle%S*%.%.%. is a table that is nested too deeply, or contains itself",
      submit(cycle))
    assert.is_true(#submit(cycle) < 400)
    assert.matches("#2 'callback' to 'submit' %(function expected, got string%)",
      (select(2, pcall(list.submit, list, "x", "y"))))
    assert.equal(1, list:submit "first")
  end)

  it("raises for a codec's encode that raises or returns no string", function()
    local encoded
    local list = replicas.listed({}, { codec = { encode = function() return encoded() end, decode = tostring } })
    local function problem(encode)
      encoded = encode
      return select(2, pcall(list.submit, list, {}))
    end
    for value, text in pairs { [5] = "a number", [false] = "a boolean" } do
      assert.matches("#1 'command' to 'submit' %(the machine's codec cannot encode it: encode returned " .. text,
        problem(function() return value end))
    end
    assert.matches("cannot encode it: %(error object is a table value%)", problem(function() error {} end))
    encoded = function() return "" end
    assert.equal(1, list:submit {})
  end)
end)
