package dev.warpwright.softgpu.sim;

import java.util.List;
import java.util.Map;

/** A kernel of a loaded module. */
public final class Entry {
  /**
   * A parameter's place in the parameter buffer.
   *
   * @param name as in the PTX text
   * @param offset first byte
   * @param bytes size
   */
  public record Parameter(String name, int offset, int bytes) {}

  private final Code code;
  private final List<Parameter> parameters;
  private final int parameterBytes;
  private final int maxThreads;

  Entry(Code code, List<Parameter> parameters, int parameterBytes, int maxThreads) {
    this.code = code;
    this.parameters = List.copyOf(parameters);
    this.parameterBytes = parameterBytes;
    this.maxThreads = maxThreads;
  }

  /** The same kernel in a module whose variables have these addresses. */
  Entry at(Map<String, Long> addresses) {
    return new Entry(code.at(addresses), parameters, parameterBytes, maxThreads);
  }

  Code code() {
    return code;
  }

  /** Name as in the PTX text. */
  public String name() {
    return code.name();
  }

  /** Layout of the parameter buffer. */
  public List<Parameter> parameters() {
    return parameters;
  }

  /** Size of the parameter buffer. */
  public int parameterBytes() {
    return parameterBytes;
  }

  /** Bytes of static shared memory. */
  public int staticShared() {
    return code.staticShared();
  }

  /** Bytes of local memory of one thread. */
  public int localBytes() {
    return code.localBytes();
  }

  /** Threads of a block at most: launch bounds, or 1024. */
  public int maxThreads() {
    return maxThreads;
  }
}
