package dev.warpwright.cuda;

import dev.warpwright.kernels.Resource;
import org.jspecify.annotations.Nullable;

/** Several resources closed together. */
public final class Resources {
  private Resources() {}

  /** Closes all of them in this order, also when one fails; throws the first failure. */
  public static void close(@Nullable Resource... resources) {
    RuntimeException failure = null;
    for (Resource resource : resources) {
      try {
        if (resource != null) {
          resource.close();
        }
      } catch (RuntimeException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
