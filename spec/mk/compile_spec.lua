-- How make asks pkg-config, in a copy of the sources. It only prints its commands (-n).
local files = require "spec.helpers.files"
local program = require "spec.helpers.program"

-- Notes each call, and prints a flag that neither make nor a shell reads as it is written.
local PKG_CONFIG = [[
#!/bin/sh
echo "$*" >>"${0%/*}/asked"
printf '%s\n' '-DASKED=\#\$HOME'
]]

describe("make #once", function()
  local folder

  before_each(function()
    local path = program.file("pkg-config", PKG_CONFIG)
    folder = path:match "^(.*)/"
    assert.equal(0, (program.run("sh", "-c", ("chmod 755 %s && cp -r Makefile mk lua src %s"):format(path, folder))))
  end)

  after_each(function()
    program.clean()
    program.remove()
  end)

  -- Returns the commands, and how often each question was asked. `environment`: as for env.
  local function make(environment, ...)
    local code, out, errors = program.run("env", "-u", "MAKEFLAGS", "-u", "LUA", environment, "make", "-n", "-C",
      folder, "PKG_CONFIG=" .. folder .. "/pkg-config", ...)
    assert.equal(0, code, errors)
    local asked = {}
    for question in files.read(folder .. "/asked"):gmatch "[^\n]+" do
      asked[question] = (asked[question] or 0) + 1
    end
    return out, asked
  end

  -- Returns how many of the commands that compile have a text, and how many have not.
  local function compiling(commands, text)
    local with, without = 0, 0
    for command in commands:gmatch "[^\n]+%-c %-o[^\n]+" do
      if command:find(text, 1, true) then
        with = with + 1
      else
        without = without + 1
      end
    end
    return with, without
  end

  it("asks pkg-config each question once, and changes nothing in its output", function()
    local commands, asked = make("X=", "LUA_VERSION=5.4", "all")
    local COROSYNC = " libcpg libcmap libquorum libvotequorum libcfg"
    for _, question in ipairs { "--cflags lua5.4", "--libs lua5.4", "--cflags lua5.4-luv", "--modversion libcpg",
      "--cflags" .. COROSYNC, "--libs" .. COROSYNC } do
      assert.equal(1, asked[question], question)
    end
    local with, without = compiling(commands, [[ -DASKED=\#\$HOME -DASKED=\#\$HOME ]])
    assert.is_true(with > 50)
    assert.equal(0, without)
  end)

  it("does not ask for a variable of the command line or of the environment", function()
    for _, given in ipairs { { "X=", "LUA_CFLAGS=-DGIVEN" }, { "LUA_CFLAGS=-DGIVEN", "X=" } } do
      local commands, asked = make(given[1], given[2], "LUA_VERSION=5.4", "binding")
      assert.is_nil(asked["--cflags lua5.4"])
      assert.equal(0, (select(2, compiling(commands, " -DGIVEN "))))
      os.remove(folder .. "/asked")
    end
  end)

  it("builds the binding for nginx once with LuaJIT, with the given variables", function()
    local commands = make("X=", "LUA_VERSION=jit", "LUA_CFLAGS=-DGIVEN", "all", "nginx-binding")
    local with, without = compiling(commands, " -DGIVEN ")
    assert.is_true(with > 50)
    assert.equal(0, without)
  end)
end)
