-- The check that the watchdog sees every call that may block passes, and can fail.
local program = require "spec.helpers.program"

local SOURCES = {}
for name in io.popen("find src -name '*.c' ! -path 'src/cpgrun/*'"):lines() do
  SOURCES[#SOURCES + 1] = name
end

local METHODS = [[

static const luaL_Reg methods[] = {
	{"join", method_join},
	{NULL, NULL},
};
]]

-- A file of the core with this as the text of a method.
local function method(body, before)
  return "\n" .. (before or "") .. "\nstatic int method_join(lua_State *L)\n{\n" .. body .. "\n}\n" .. METHODS
end

describe("tools/check-calls.lua #once", function()
  local folder

  setup(function()
    local pipe = io.popen "pkg-config --variable=includedir libcpg"
    folder = pipe:read "*l" .. "/corosync"
    pipe:close()
  end)

  after_each(program.clean)

  local function check(...)
    local code, out, errors = program.run(os.getenv("LUA"):match "%S+$", "tools/check-calls.lua", folder, ...)
    return code, out .. errors
  end

  local function passes(text)
    local code, output = check(program.file("x.c", text))
    program.remove()
    assert.equal(0, code, output)
  end

  local function fails(pattern, text)
    local code, output = check(program.file("x.c", text))
    program.remove()
    assert.equal(1, code, output)
    assert.matches(pattern, output)
  end

  it("passes with the core's sources", function()
    local code, output = check((table.unpack or unpack)(SOURCES)) -- luacheck: ignore 113
    assert.equal(0, code, output)
    assert.matches("^%d%d+ functions for Lua", output)
  end)

  it("passes for a call inside CALL", function()
    passes(method 'return CALL(h, "join", cpg_join(h->id, &name));')
    passes(method 'call_begin(h, "join", NULL, 0);\n\terror = cpg_join(h->id, &name);\n\tcall_end(h);')
    passes(method("FOR(h, cpg_join(h->id, &name));", "#define FOR(h, call) CALL(h, \"join\", call)\n"))
  end)

  it("passes for functions that do not ask the daemon", function()
    passes(method "cpg_fd_get(h->id, &fd); /* cpg_join(h->id) */ luaL_error(L, \"cpg_join(\");")
  end)

  it("fails for a call in a method", function()
    fails("x%.c:method_join > cpg_join blocks unwatched", method "return cpg_join(h->id, &name);")
    fails("cpg_leave", method 'CALL(h, "join", cpg_join(h->id, &name));\n\tcpg_leave(h->id, &name);')
  end)

  it("fails for a call in a function that a method calls", function()
    fails("method_join > %S+:join > cpg_join blocks",
      method("return join(h);", "static int join(handle *h)\n{\n\treturn cpg_join(h->id, &h->name);\n}\n"))
  end)

  it("fails for a call in a function of a class", function()
    fails("method_join > %S+:start > quorum_trackstart blocks", method("return h->class->trackstart(h);",
      "static int start(handle *h)\n{\n\treturn quorum_trackstart(h->id, 0);\n}\n\n"
      .. "static const class c = {\n\t.trackstart = start,\n};\n"))
  end)

  it("fails for a function that uses Lua while it holds a lock", function()
    for _, body in ipairs { 'call_begin(h, "join", NULL, 0);\n\tlua_pushnil(L);\n\tcall_end(h);',
      'return CALL(h, "join", join(L, h));', "libqb_lock();\n\tfinish(L);\n\tlibqb_unlock();" } do
      fails("x%.c:method_join uses Lua while it holds a lock", method(body))
    end
  end)

  it("fails when it finds no function", function()
    fails("no function", "\n")
  end)
end)
