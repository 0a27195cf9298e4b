package dev.warpwright.softgpu.driver;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Marks a method that implements a function of the driver. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
@interface CudaEntry {
  /** Exported names that lead here. */
  String[] value();
}
