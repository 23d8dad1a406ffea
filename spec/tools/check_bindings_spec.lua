-- The check that each public function of Corosync is bound or left out for a reason passes, and can fail.
local files = require "spec.helpers.files"
local program = require "spec.helpers.program"

local CORE = ("build/%s/lib/lua/%s/corosync/core.so"):format(os.getenv "LUA_VERSION", os.getenv "LUA_ABI")
local LIST = "docs/unbound.md"
local NAMES = { "cpg.h", "cmap.h", "quorum.h", "votequorum.h", "cfg.h" }

local NEWER_VOTEQUORUM = [[
cs_error_t votequorum_model_initialize (
	votequorum_handle_t *handle,
	votequorum_model_data_t *model_data);
cs_error_t votequorum_set_qdevice_extra_info (votequorum_handle_t handle, size_t size, const void *extra_info);
cs_error_t votequorum_get_qdevice_extra_info (votequorum_handle_t handle, uint32_t nodeid);
]]

local NO_FUNCTIONS = [[
/* cs_error_t cpg_in_a_comment (void); */
// cs_error_t cpg_in_a_line_comment (void);
#define cpg_macro(x) \
	cpg_macro_body (x);
typedef cs_error_t (*cpg_callback_fn_t) (
	int first,
	int second);
struct cpg_table { cs_error_t (*cpg_in_a_struct) (void); };
static inline cs_error_t cpg_inline (void) { return cpg_called (); }
]]

describe("tools/check-bindings.lua #once", function()
  local folder, headers

  setup(function()
    local pipe = io.popen "pkg-config --variable=includedir libcpg"
    folder = pipe:read "*l" .. "/corosync/"
    pipe:close()
  end)

  before_each(function()
    headers = {}
    for _, name in ipairs(NAMES) do
      headers[name] = files.read(folder .. name)
    end
  end)

  after_each(program.clean)
  after_each(program.remove)

  local function check(core, list)
    for name, text in pairs(headers) do
      program.file(name, text)
    end
    local lua = os.getenv("LUA"):match "%S+$"
    local code, out, errors = program.run(lua, "tools/check-bindings.lua", core or CORE, program.file ".", list or LIST)
    return code, out .. errors
  end

  local function passes(...)
    local code, text = check(...)
    assert.equal(0, code, text)
    assert.matches("^Corosync's functions: %d+ bound, %d+ left out", text)
  end

  local function fails(pattern, ...)
    local code, text = check(...)
    assert.equal(1, code, text)
    assert.matches(pattern, text)
  end

  it("passes with the installed headers", function() passes() end)

  it("passes with newer headers", function()
    headers["cpg.h"] = headers["cpg.h"]:gsub("cs_error_t%s+cpg_zcb_[%w_]+%s*%b();", "")
    assert.not_matches("cpg_zcb_%w+ %(", headers["cpg.h"])
    headers["votequorum.h"] = headers["votequorum.h"] .. NEWER_VOTEQUORUM
    passes()
  end)

  it("counts only declared functions", function()
    headers["cpg.h"] = headers["cpg.h"] .. NO_FUNCTIONS
    passes()
    program.remove()
    headers["cpg.h"] = NO_FUNCTIONS
    fails "^cpg%.h: no function found in it"
  end)

  for _, declaration in ipairs {
    "cs_error_t cpg_new_thing (\n\tcpg_handle_t handle,\n\tvoid **buffer);", "extern cs_error_t cpg_new_thing(int x);",
    "cs_error_t\ncpg_new_thing (\n\tvoid);", "const char *cpg_new_thing (void) __attribute__ ((deprecated));",
    "__attribute__((visibility(\"default\"))) void cpg_new_thing(cs_error_t (*callback)(int));",
  } do
    it("fails for a new function: " .. declaration:gsub("%s+", " "), function()
      headers["cpg.h"] = headers["cpg.h"]:gsub("\ncs_error_t cpg_join", "\n" .. declaration .. "%0")
      fails "^cpg%.h: cpg_new_thing is not bound: bind it, or list it in docs/unbound%.md with the reason$"
    end)
  end

  for _, name in ipairs(NAMES) do
    it("fails without " .. name, function()
      headers[name] = nil
      fails("/" .. name .. ": No such file")
    end)
  end

  it("fails for a list that names a bound function", function()
    local list = program.file("stale.md", files.read(LIST) .. "- `cpg_new`, `cpg_join`: was forgotten here.\n")
    fails("^[^\n]+stale%.md: cpg_join is bound: take it off the list$", nil, list)
  end)

  it("fails for a list without a reason", function()
    local list = program.file("bare.md", files.read(LIST) .. "- `cpg_new`:\n")
    fails("^[^\n]+bare%.md: not of the form [^\n]+`cpg_new`:$", nil, list)
  end)

  it("fails without the list", function() fails("cpg%.h: cpg_membership_get is not bound", nil, "missing.md") end)

  it("fails without the core", function() fails("missing%.so: nm finds nothing", "missing.so") end)
end)
