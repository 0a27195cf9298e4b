package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Statement.Variable;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
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
    DecodedModule decoded = DecodedModule.of(name, ptx);
    if (decoded.architecture() > profile.architecture()) {
      throw new PtxException(
          name, 1, decoded.target() + " is newer than sm_" + profile.architecture());
    }
    PtxModule module = new PtxModule(memory);
    try {
      decoded.variables().forEach(module::place);
      decoded.variables().forEach(variable -> module.point(variable, decoded.functions()));
    } catch (RuntimeException e) {
      module.unload();
      throw e;
    }
    decoded
        .entries()
        .forEach(entry -> module.entries.put(entry.name(), entry.at(module.variables)));
    return module;
  }

  /** Variables without initialiser are zero. */
  private void place(Variable variable) {
    long address = memory.allocate(variable.bytes(), variable.space() + " " + variable.name());
    variables.put(variable.name(), address);
    byte[] initial = variable.initial();
    if (initial == null) {
      memory.fill(address, 0, 1, variable.bytes());
    } else {
      memory.copyIn(address, MemorySegment.ofArray(initial));
    }
  }

  /** Writes the addresses of other variables and of functions that a variable holds. */
  private void point(Variable variable, Map<String, Long> functions) {
    variable
        .pointers()
        .forEach(
            (offset, other) -> {
              Long to =
                  Objects.requireNonNull(
                      variables.getOrDefault(other, functions.get(other)), other);
              Long at = Objects.requireNonNull(variables.get(variable.name()));
              memory.copyIn(at + offset, MemorySegment.ofArray(new long[] {to}));
            });
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
