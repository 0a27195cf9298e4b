package dev.warpwright.softgpu.sim;

import java.io.Serial;
import java.io.Serializable;

/**
 * A kernel that broke a rule. The message names kernel, block, thread, source line, PTX line,
 * address and allocation, and both parties of a race.
 */
public final class SimFault extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  /** Rules. */
  public enum Kind {
    /** An access outside every allocation or over the end of one. */
    OUT_OF_BOUNDS,
    /** An access to memory that was freed. */
    USE_AFTER_FREE,
    /** An address that is not a multiple of the access size. */
    MISALIGNED,
    /** A write to constants. */
    READ_ONLY,
    /** A read of bytes that nobody wrote. */
    UNINITIALISED,
    /** Two accesses to the same bytes, one of them a write, that nothing orders. */
    RACE,
    /** A read of bytes that an asynchronous copy has not delivered yet. */
    ASYNC_NOT_WAITED,
    /** Lanes of a warp or warps of a block that wait at different barriers. */
    DIVERGENT_BARRIER,
    /** A mask that names lanes that do not take part, or a shuffle that reads from one. */
    INACTIVE_LANE,
    /** Threads that wait for each other for ever. */
    DEADLOCK,
    /** Calls nested deeper than the stack of a thread. */
    STACK_OVERFLOW,
    /** More instructions than the budget allows. */
    BUDGET,
    /** A trap instruction. */
    TRAP,
    /** A failed device-side assertion. */
    ASSERT
  }

  private final Kind kind;
  private final Site site;
  private final long address;

  /**
   * Where it happened.
   *
   * @param kernel name of the kernel
   * @param block x, y and z of the block
   * @param thread x, y and z of the thread
   * @param source file and line of the source, innermost inlined call first, or empty
   * @param ptxLine line of the PTX text; 0 for a function of a library, which is not simulated
   *     thread by thread
   * @param instruction the instruction
   */
  public record Site(
      String kernel, String block, String thread, String source, int ptxLine, String instruction)
      implements Serializable {
    @Serial private static final long serialVersionUID = 1;

    @Override
    public String toString() {
      if (ptxLine == 0) {
        return kernel;
      }
      return kernel
          + " block ("
          + block
          + ") thread ("
          + thread
          + ")"
          + (source.isEmpty() ? "" : " at " + source)
          + ", PTX line "
          + ptxLine
          + " `"
          + instruction
          + "`";
    }
  }

  SimFault(Kind kind, Site site, long address, String message) {
    super(kind + ": " + message + "\n  in " + site);
    this.kind = kind;
    this.site = site;
    this.address = address;
  }

  /** A function of a library that broke a rule. */
  static SimFault ofLibrary(Kind kind, String function, long address, String message) {
    return new SimFault(kind, new Site(function, "", "", "", 0, ""), address, message);
  }

  /** The rule. */
  public Kind kind() {
    return kind;
  }

  /** Where it happened; of a race, the later access. */
  public Site site() {
    return site;
  }

  /** The address, or 0. */
  public long address() {
    return address;
  }
}
