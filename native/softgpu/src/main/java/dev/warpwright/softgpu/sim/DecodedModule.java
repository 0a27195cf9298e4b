package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Symbol;
import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Variable;
import java.lang.ref.SoftReference;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A PTX text decoded, before its variables have addresses. It never changes, so that it is kept for
 * the next device that loads the same text: decoding takes longer than most launches of a test.
 *
 * @param target as in the text
 * @param architecture its number
 * @param variables what a module allocates, in the order of the text
 * @param functions addresses of the functions
 * @param entries kernels, whose code does not know the addresses of the variables yet
 */
record DecodedModule(
    String target,
    int architecture,
    List<Variable> variables,
    Map<String, Long> functions,
    List<Entry> entries) {
  /** Between the addresses of two functions. */
  private static final int FUNCTION_BYTES = 16;

  private record Key(String name, String text) {}

  /** Texts that are remembered; their decoded forms also go when memory runs short. */
  static final int MOST_KEPT = 128;

  /** The one used longest ago comes first. */
  private static final Map<Key, SoftReference<DecodedModule>> KEPT =
      new LinkedHashMap<>(MOST_KEPT, 0.75f, true);

  /**
   * Parses and decodes everything, or finds what was decoded before.
   *
   * @throws PtxException if the text holds anything that the simulator does not know
   */
  static DecodedModule of(String name, String ptx) {
    Key key = new Key(name, ptx);
    DecodedModule module = kept(key);
    if (module == null) {
      module = decode(name, ptx);
      keep(key, module);
    }
    return module;
  }

  private static @Nullable DecodedModule kept(Key key) {
    synchronized (KEPT) {
      SoftReference<DecodedModule> kept = KEPT.get(key);
      return kept == null ? null : kept.get();
    }
  }

  private static void keep(Key key, DecodedModule module) {
    synchronized (KEPT) {
      KEPT.put(key, new SoftReference<>(module));
      if (KEPT.size() > MOST_KEPT) {
        KEPT.remove(KEPT.keySet().iterator().next());
      }
    }
  }

  private static DecodedModule decode(String name, String ptx) {
    PtxParser parsed = PtxParser.parse(name, ptx);
    if (!parsed.target.matches("sm_\\d+[a-z]?")) {
      throw new PtxException(name, 1, "unknown target '" + parsed.target + "'");
    }
    int architecture = Integer.parseInt(parsed.target.replaceAll("\\D", ""));
    Map<String, Variable> shared = new HashMap<>();
    Map<String, Symbol> globals = new HashMap<>();
    List<Variable> variables = new ArrayList<>();
    for (Variable variable : parsed.variables) {
      if (variable.space().equals("shared")) {
        shared.put(variable.name(), variable);
      } else if (variable.bytes() <= 0) {
        throw new PtxException(
            name, variable.line(), variable.name() + " is not defined in this module");
      } else {
        Space space = variable.space().equals("const") ? Space.CONST : Space.GLOBAL;
        globals.put(variable.name(), new Symbol(space, 0, variable.name(), null));
        variables.add(variable);
      }
    }
    Set<String> pointedAt = new HashSet<>();
    for (Variable variable : variables) {
      pointedAt.addAll(variable.pointers().values());
      for (String other : variable.pointers().values()) {
        if (!globals.containsKey(other) && !parsed.functions.containsKey(other)) {
          throw new PtxException(
              name, variable.line(), variable.name() + " holds the address of " + other);
        }
      }
    }
    Map<String, Long> addresses = new HashMap<>();
    for (String function : parsed.functions.keySet()) {
      addresses.put(function, Space.CODE_WINDOW + (long) addresses.size() * FUNCTION_BYTES);
    }
    ModuleText text =
        new ModuleText(name, architecture, parsed.functions, shared, globals, addresses, pointedAt);
    CallGraph calls = new CallGraph(text);
    List<Entry> entries = new ArrayList<>();
    for (Function function : parsed.functions.values()) {
      if (function.entry()) {
        entries.add(entry(function, CodeBuilder.build(text, function, calls.framed(function))));
      }
    }
    return new DecodedModule(
        parsed.target,
        architecture,
        List.copyOf(variables),
        Map.copyOf(addresses),
        List.copyOf(entries));
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
}
