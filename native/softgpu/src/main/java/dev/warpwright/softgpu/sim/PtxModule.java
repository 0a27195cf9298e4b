package dev.warpwright.softgpu.sim;

import org.jspecify.annotations.Nullable;

/** A loaded PTX text: kernels, global variables and constants. */
public final class PtxModule {
  private PtxModule() {}

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
    if (!ptx.isBlank() || profile.architecture() > 0) {
      throw new PtxException(name, 1, "the decoder is not there yet" + memory.used());
    }
    return new PtxModule();
  }

  /**
   * A kernel by name.
   *
   * @param name as in the PTX text
   * @return the kernel, or null
   */
  public @Nullable Entry entry(String name) {
    return null;
  }

  /**
   * A global variable or constant by name.
   *
   * @param name as in the PTX text
   * @return the allocation that holds it, or null
   */
  public @Nullable Allocation global(String name) {
    return null;
  }

  /** Frees the module's variables. */
  public void unload() {}
}
