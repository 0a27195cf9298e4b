package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Symbol;
import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Variable;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A loaded PTX text: kernels, global variables and constants. */
public final class PtxModule {
  private final DeviceMemory memory;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final Map<String, Long> variables = new LinkedHashMap<>();

  private PtxModule(DeviceMemory memory) {
    this.memory = memory;
  }

  /**
   * Parses and decodes everything and allocates the module's variables.
   *
   * @param name for reports
   * @param ptx the text
   * @param profile the device; a newer target is refused
   * @param memory where the variables go
   * @throws PtxException if the text holds anything that the simulator does not know
   */
  public static PtxModule load(
      String name, String ptx, DeviceProfile profile, DeviceMemory memory) {
    PtxParser parsed = PtxParser.parse(name, ptx);
    int architecture = architecture(name, parsed.target);
    if (architecture > profile.architecture()) {
      throw new PtxException(
          name, 1, parsed.target + " is newer than sm_" + profile.architecture());
    }
    PtxModule module = new PtxModule(memory);
    try {
      module.decode(name, parsed, architecture);
    } catch (RuntimeException e) {
      module.unload();
      throw e;
    }
    return module;
  }

  private static int architecture(String name, String target) {
    if (!target.matches("sm_\\d+[a-z]?")) {
      throw new PtxException(name, 1, "unknown target '" + target + "'");
    }
    return Integer.parseInt(target.replaceAll("\\D", ""));
  }

  private void decode(String name, PtxParser parsed, int architecture) {
    Map<String, Variable> shared = new HashMap<>();
    Map<String, Symbol> globals = new HashMap<>();
    for (Variable variable : parsed.variables) {
      if (variable.space().equals("shared")) {
        shared.put(variable.name(), variable);
      } else {
        long address = place(name, variable);
        Space space = variable.space().equals("const") ? Space.CONST : Space.GLOBAL;
        globals.put(variable.name(), new Symbol(space, address));
      }
    }
    ModuleText text = new ModuleText(name, architecture, parsed.functions, shared, globals);
    for (Function function : parsed.functions.values()) {
      if (function.entry()) {
        entries.put(function.name(), entry(function, CodeBuilder.build(text, function)));
      }
    }
  }

  /** Variables without initialiser are zero. */
  private long place(String name, Variable variable) {
    if (variable.bytes() <= 0) {
      throw new PtxException(
          name, variable.line(), variable.name() + " is not defined in this module");
    }
    long address = memory.allocate(variable.bytes(), variable.space() + " " + variable.name());
    variables.put(variable.name(), address);
    byte[] initial = variable.initial();
    if (initial == null) {
      memory.fill(address, 0, 1, variable.bytes());
    } else {
      memory.copyIn(address, MemorySegment.ofArray(initial));
    }
    return address;
  }

  private static Entry entry(Function function, Code code) {
    List<Entry.Parameter> parameters = new ArrayList<>();
    int offset = 0;
    for (Variable parameter : function.parameters()) {
      offset = CodeBuilder.align(offset, parameter.align());
      parameters.add(new Entry.Parameter(parameter.name(), offset, (int) parameter.bytes()));
      offset += (int) parameter.bytes();
    }
    return new Entry(code, parameters, offset, function.maxThreads());
  }

  /** The kernels by name, in the order of the text. */
  public Map<String, Entry> entries() {
    return Map.copyOf(entries);
  }

  /**
   * A kernel by name.
   *
   * @param name as in the PTX text
   * @return the kernel, or null
   */
  public @Nullable Entry entry(String name) {
    return entries.get(name);
  }

  /**
   * A global variable or constant by name.
   *
   * @param name as in the PTX text
   * @return the allocation that holds it, or null
   */
  public @Nullable Allocation global(String name) {
    Long address = variables.get(name);
    return address == null ? null : memory.find(address);
  }

  /** Frees the module's variables. */
  public void unload() {
    variables.values().forEach(memory::free);
    variables.clear();
  }
}
